// A head's row as vectors of 2: any even head_dim.
alias E = vec2f;
const W = 2u;
