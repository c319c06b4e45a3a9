// An element E of a row is one float: for rows of any length.
alias E = f32;
const LANES = 1u;

fn total(v: E) -> f32 {
  return v;
}

fn dot_onto(a: E, b: E, s: f32) -> f32 {
  return fma(a, b, s);
}

fn largest(v: E) -> f32 {
  return v;
}

fn pick(v: E, i: u32) -> f32 {
  return v;
}

fn one_hot(i: u32) -> E {
  return 1.0;
}

/// The bits of the magnitude, NaN above infinity above all.
fn magnitude(v: E) -> u32 {
  return bitcast<u32>(v) & 0x7fffffffu;
}
