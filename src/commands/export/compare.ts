// Is what was written the model that was meant? Log-probabilities of the export beside those of the tuned model and of its base: how
// far rounding may move them, and that they are the tuned model's, never the untrained one's.

/** Log-probabilities of the same targets. base: null where there is no adapter. */
export interface Compared {
  exported: Float32Array;
  tuned: Float32Array;
  base: Float32Array | null;
  /** How far at most a logit is from the tuned model's, of each row of which all are known. */
  logits?: number[];
}

/** Largest difference from the tuned model, and from its base. */
export const worstOf = ({ exported, tuned, base }: Compared) => ({
  tuned: largest(exported, tuned),
  base: base && largest(exported, base),
});

/** How an export was rounded. */
export interface Rounded {
  dtype: string;
  /** Every stored byte is as it would be without the adapter. */
  lost: boolean;
  /** Mean difference of a log-probability that is rounding still; by the dtype where absent. */
  within?: number;
}

/** What is wrong with an export, in words; undefined where nothing is. */
export function faultOf(
  { exported, tuned, base }: Compared,
  { dtype, lost, within = MOST[dtype] ?? LOOSEST }: Rounded,
): string | undefined {
  const broken = exported.findIndex((x) => !Number.isFinite(x));
  if (broken >= 0) return `expected finite log-probabilities, got ${exported[broken]}: values of this model are beyond ${dtype}`;
  if (lost)
    return `expected the tuned model, got the untrained one: all that was trained is less than ${dtype} rounds away; choose a finer --dtype`;
  // rounding far larger than what training changed says nothing of whose the difference is; there stored bytes have spoken
  const telling = base !== null && 2 * distance(tuned, base) >= distance(exported, tuned) && largest(tuned, base) > 0;
  if (telling && distance(exported, tuned) >= distance(exported, base)) {
    const [far, near] = [largest(exported, tuned), largest(exported, base)].map((x) => Number(x.toPrecision(3)));
    return `expected the tuned model, got one nearer to the untrained one: log-probabilities differ by ${far}, from the base's by ${near}`;
  }
  const mean = exported.reduce((sum, x, i) => sum + Math.abs(x - tuned[i]), 0) / exported.length;
  return mean > within
    ? `expected log-probabilities within ${within} of the tuned model's on average, got ${Number(mean.toPrecision(3))}`
    : undefined;
}

/** Mean difference of a log-probability, in nats, beyond which a file is wrong rather than rounded. */
const MOST: Record<string, number> = { f32: 1e-3, f16: 0.02, bf16: 0.1, q8_0: 0.1 };
const LOOSEST = 1.5;

/** Largest difference of two lists of values. */
export const largest = (a: Float32Array, b: Float32Array) => a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i])), 0);
const distance = (a: Float32Array, b: Float32Array) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0));

/** Nats of the targets of a row by its logits [T, V]: label i is predicted by those after token i - 1; -100 is none. */
export function logprobsIn(logits: Float32Array, labels: ArrayLike<number>): number[] {
  const V = logits.length / labels.length;
  return Array.from(labels).flatMap((id, i) =>
    i === 0 || id === -100 ? [] : [logSoftmax(logits.subarray((i - 1) * V, i * V), id)],
  );
}

function logSoftmax(logits: Float32Array, id: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return logits[id] - most - Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
}
