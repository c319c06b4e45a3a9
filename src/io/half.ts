// f32 to the bits of f16, nearest with ties to even; a weight that f16 cannot hold is an error.

/** Writes a number as f16, little-endian. */
export function setHalf(out: Uint8Array, at: number, value: number): void {
  FLOAT[0] = value;
  const bits = halfOf(WORD[0]);
  out[at] = bits;
  out[at + 1] = bits >> 8;
}

/** The f16 bits nearest to the bits of an f32. */
export function halfOf(bits: number): number {
  const magnitude = bits & 0x7fffffff;
  // normal as f16: most weights are, and one comparison says so
  return (magnitude - 0x38800000) >>> 0 < 0x0effe000
    ? ((bits >>> 16) & 0x8000) | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13)
    : finiteF16(bits);
}

// A weight that f16 cannot hold would silently become infinite.
function finiteF16(bits: number): number {
  const half = f16OfBits(bits);
  if ((half & 0x7fff) === 0x7c00 && (bits & 0x7fffffff) < 0x7f800000) {
    WORD[0] = bits;
    throw new Error(`expected values below 65520 to store in f16, got ${FLOAT[0]}; choose f32 or bf16`);
  }
  return half;
}

const FLOAT = new Float32Array(1);
const WORD = new Int32Array(FLOAT.buffer);

/** The f16 bit pattern nearest to that of an f32, ties to even; beyond the range infinity. */
function f16OfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff);
  // 65520 is where rounding leaves the range; below 2^-14 the step is 2^-24 whatever the exponent.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) return sign | subnormal(magnitude);
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
}

// The fraction with its leading one, shifted to steps of 2^-24; what falls out decides the rounding.
function subnormal(magnitude: number): number {
  const shift = 126 - (magnitude >> 23);
  if (shift > 24) return 0;
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  const [low, rest, half] = [fraction >> shift, fraction & ((1 << shift) - 1), 1 << (shift - 1)];
  return low + (rest > half || (rest === half && low & 1) ? 1 : 0);
}
