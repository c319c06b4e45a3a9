// The stored formats that weights come in and the sizes of their blocks. How they decode is in dequant.ts.

/** Values and bytes of one block; a row is a whole number of blocks. */
export const FORMATS = {
  f32: { block: 1, bytes: 4 },
  f16: { block: 1, bytes: 2 },
  bf16: { block: 1, bytes: 2 },
  f64: { block: 1, bytes: 8 },
  q8_0: { block: 32, bytes: 34 },
  q4_0: { block: 32, bytes: 18 },
  q4_1: { block: 32, bytes: 20 },
  q5_0: { block: 32, bytes: 22 },
  q5_1: { block: 32, bytes: 24 },
  q2_k: { block: 256, bytes: 84 },
  q3_k: { block: 256, bytes: 110 },
  q4_k: { block: 256, bytes: 144 },
  q5_k: { block: 256, bytes: 176 },
  q6_k: { block: 256, bytes: 210 },
} as const;

export type Format = keyof typeof FORMATS;

/** Bytes of `count` values; a count that is not whole blocks is an error. */
export function formatBytes(format: Format, count: number): number {
  const { block, bytes } = FORMATS[format];
  if (count % block !== 0)
    throw new Error(`expected a multiple of ${block} values for ${format}, got ${count}; choose a format that divides the row`);
  return (count / block) * bytes;
}
