// Stored formats on the device. PROVISIONAL: sizes only.
export type Format = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q4_0' | 'q4_1';

/** Bytes of `rows` whole rows: quants, and scales where the format has them apart. */
export function storedBytes(format: Format, rows: number, cols: number): { q: number; s?: number } {
  const n = rows * cols;
  switch (format) {
    case 'f32':
      return { q: 4 * n };
    case 'f16':
    case 'bf16':
      return { q: 2 * n };
    case 'q8_0':
      return { q: n, s: n / 16 };
    case 'q4_0':
      return { q: n / 2, s: n / 16 };
    case 'q4_1':
      return { q: n / 2, s: n / 8 };
  }
}
