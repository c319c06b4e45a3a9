// sigmoid(x) and sigmoid(-x) for any x: the exponent is never positive, so nothing overflows and nothing cancels.

struct Sigmoids {
  plus: vec4f,
  minus: vec4f,
}

fn sigmoids(x: vec4f) -> Sigmoids {
  let e = exp(-min(abs(x), vec4f(200.0))); // below e^-104 it is 0 in f32; exp of a huge number is not to be trusted
  let large = 1.0 / (1.0 + e);
  let small = e * large;
  let positive = x >= vec4f();
  return Sigmoids(select(small, large, positive), select(large, small, positive));
}
