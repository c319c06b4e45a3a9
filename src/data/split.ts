/** Rows held out of training to be evaluated on: `eval` names a file of them, or a share of the data. */
import { permutation, random } from '../random.ts';
import { setting } from '../setting.ts';

/** A share (`5%`, `0.05`) or else a file. */
export function parseHeldOut(text: string): { share: number } | { file: string } {
  const [, digits, percent] = text.trim().match(/^(\d*\.?\d+)(%?)$/) ?? [];
  if (digits === undefined) return { file: text };
  const share = Number(digits) / (percent ? 100 : 1);
  if (!(share > 0 && share < 1))
    throw new Error(
      `expected ${setting('eval')} to be a file or a share above 0 and below 1, got ${text}; write 5% or 0.05, or ./${text} for a file of that name`,
    );
  return { share };
}

const HELD = 0x68656c64; // a stream of its own ("held"), apart from the epochs' orders

/** The share of n rows, rounded, drawn by the seed: places of both parts, in order; throws where either would be empty. */
export function holdOut(n_rows: number, share: number, seed: number): { train: number[]; held: number[] } {
  const n_held = Math.max(1, Math.round(n_rows * share));
  if (n_held >= n_rows)
    throw new Error(
      `expected rows to be left for training, got ${n_rows} of which ${n_held} are held out; lower ${setting('eval')} or give more data`,
    );
  const drawn = new Set(permutation(n_rows, random(seed, HELD)).subarray(0, n_held));
  const places = Array.from({ length: n_rows }, (_, i) => i);
  return { train: places.filter((i) => !drawn.has(i)), held: places.filter((i) => drawn.has(i)) };
}
