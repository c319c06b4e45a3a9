// An element E of a row is four neighbouring floats: for rows whose length divides by 4.
alias E = vec4f;
const LANES = 4u;

fn total(v: E) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

/// s + a·b, one product after the other.
fn dot_onto(a: E, b: E, s: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, s))));
}

fn largest(v: E) -> f32 {
  return max(max(v.x, v.y), max(v.z, v.w));
}

fn pick(v: E, i: u32) -> f32 {
  return v[i];
}

fn one_hot(i: u32) -> E {
  return select(vec4f(), vec4f(1.0), vec4u(0u, 1u, 2u, 3u) == vec4u(i));
}

/// The bits of the largest magnitude, NaN above infinity above all.
fn magnitude(v: E) -> u32 {
  let bits = bitcast<vec4u>(v) & vec4u(0x7fffffffu);
  return max(max(bits.x, bits.y), max(bits.z, bits.w));
}
