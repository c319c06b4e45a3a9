// What a tile of the product holds: operands rounded to f16 on their way to workgroup memory, half the traffic and half the room. Each is
// widened once a read, and multiplied and summed as f32: about three digits, and infinite beyond f16's 65,504.
enable f16;
alias Four = vec4h;
