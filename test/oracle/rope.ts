// f64 reference of rotary positions, Hugging Face's convention: dimension i of a head turns with dimension i + head_dim/2
// (GGUF files of Llama pair 2i with 2i + 1; that is undone when they are read).
import type { RopeConfig, RopeScaling } from '../../src/models/config.ts';
import type { Numbers } from '../compare.ts';

/** Radians a position for each pair, [head_dim/2]: theta^(-2i/head_dim), slowed down as the scaling says. */
export function ropeFrequencies({ theta, scaling }: RopeConfig, head_dim: number): Float64Array {
  return Float64Array.from({ length: head_dim / 2 }, (_, i) => scaled(theta ** ((-2 * i) / head_dim), i, scaling));
}

function scaled(frequency: number, pair: number, scaling: RopeScaling | null): number {
  if (!scaling) return frequency;
  if (scaling.type === 'factors') return frequency / scaling.factors[pair];
  const slow = frequency / scaling.factor;
  if (scaling.type === 'linear') return slow;
  if (scaling.type !== 'llama3') throw new Error(`no reference of ${scaling.type} here: PyTorch's is in goldens/rope.json`);
  // llama3: long waves are slowed down, short ones kept, those between blended
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: context } = scaling;
  const turns = (context * frequency) / (2 * Math.PI); // full turns within the original context
  if (turns < low) return slow;
  if (turns > high) return frequency;
  const kept = (turns - low) / (high - low);
  return (1 - kept) * slow + kept * frequency;
}

/** y[N,heads,head_dim]: each head of x turned by positions[N] times the frequencies. */
export function rope(
  x: Numbers,
  positions: Numbers,
  heads: number,
  head_dim: number,
  frequencies: Numbers,
  sign = 1,
): Float64Array {
  const y = new Float64Array(x.length);
  const half = head_dim / 2;
  for (let t = 0; t < positions.length; t++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < half; i++) {
        const angle = sign * positions[t] * frequencies[i];
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
        const a = (t * heads + h) * head_dim + i;
        const b = a + half;
        y[a] = x[a] * cos - x[b] * sin;
        y[b] = x[b] * cos + x[a] * sin;
      }
  return y;
}

/** dx of rope: a rotation's transpose turns back. */
export function ropeBackward(
  dy: Numbers,
  positions: Numbers,
  heads: number,
  head_dim: number,
  frequencies: Numbers,
): Float64Array {
  return rope(dy, positions, heads, head_dim, frequencies, -1);
}
