// f64 reference of SwiGLU's middle: y = silu(gate) up, silu(x) = x / (1 + e^-x).
import type { Numbers } from '../compare.ts';

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** y = silu(gate) up, element by element. */
export function swiglu(gate: Numbers, up: Numbers): Float64Array {
  return Float64Array.from(gate, (x, i) => x * sigmoid(x) * up[i]);
}

/** dgate and dup; silu'(x) = s (1 + x (1 - s)) with s = sigmoid(x). */
export function swigluBackward(dy: Numbers, gate: Numbers, up: Numbers) {
  const dgate = Float64Array.from(gate, (x, i) => dy[i] * up[i] * sigmoid(x) * (1 + x * (1 - sigmoid(x))));
  const dup = Float64Array.from(gate, (x, i) => dy[i] * x * sigmoid(x));
  return { dgate, dup };
}
