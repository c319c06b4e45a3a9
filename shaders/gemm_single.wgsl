// What a tile of the product holds: f32.
alias Four = vec4f;
