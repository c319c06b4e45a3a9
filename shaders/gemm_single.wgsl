// What a tile of the product holds and multiplies: f32.
alias Four = vec4f;

fn add_product(x: f32, y: vec4f, sum: vec4f) -> vec4f {
  return fma(vec4f(x), y, sum);
}
