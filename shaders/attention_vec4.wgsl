// A head's row as vectors of 4: head_dim is a multiple of 4.
alias E = vec4f;
const W = 4u;
