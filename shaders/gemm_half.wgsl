// What a tile of the product holds and multiplies: operands rounded to f16 on their way to workgroup memory and multiplied as f16, half
// the traffic and on many GPUs twice the rate; sums stay f32. About three digits, and infinite where a product leaves f16's 65,504.
enable f16;
alias Four = vec4h;

fn add_product(x: f16, y: vec4h, sum: vec4f) -> vec4f {
  return sum + vec4f(x * y);
}
