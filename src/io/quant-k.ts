// f32 to ggml's K formats of 4 and 6 bits, as its reference quantizers choose scales: of every group a few are tried, and the one whose
// squared error is least is kept. 256 values a block. Reading is in dequant.ts, the plain formats are in quant.ts.
import { decode } from './dequant.ts';
import { setHalf } from './half.ts';

/** A block of q4_k: d, dmin, 8 pairs of 6-bit scale and minimum, 256 nibbles; values are d * scale * q - dmin * min. */
export function encodeQ4K(x: Float32Array, out: Uint8Array, at: number): void {
  const [scales, mins] = [new Float32Array(8), new Float32Array(8)];
  for (let j = 0; j < 8; j++) [scales[j], mins[j]] = affineScale(x.subarray(32 * j, 32 * j + 32));
  const [d, dmin] = [Math.max(0, ...scales) / 63, Math.max(0, ...mins) / 63];
  const six = (value: number, step: number) => (step > 0 ? Math.min(63, nearest(value / step)) : 0);
  setHalf(out, at, d);
  setHalf(out, at + 2, dmin);
  const [dHeld, dminHeld] = decode('f16', out.subarray(at, at + 4), 2);
  out.fill(0, at + 4, at + 144);
  for (let j = 0; j < 8; j++) {
    const [scale, min] = [six(scales[j], d), six(mins[j], dmin)];
    if (j < 4) {
      out[at + 4 + j] |= scale;
      out[at + 8 + j] |= min;
    } else {
      out[at + 8 + j] = (scale & 15) | ((min & 15) << 4);
      out[at + j] |= (scale >> 4) << 6;
      out[at + 4 + j] |= (min >> 4) << 6;
    }
    const [step, low] = [dHeld * scale, dminHeld * min];
    const q = at + 16 + 32 * (j >> 1);
    for (let i = 0; i < 32 && step; i++) out[q + i] |= bounded(nearest((x[32 * j + i] + low) / step), 0, 15) << (j & 1 ? 4 : 0);
  }
}

/** A block of q6_k: 256 low nibbles, 256 high two bits, 16 signed scales, d; values are d * scale * (q - 32). */
export function encodeQ6K(x: Float32Array, out: Uint8Array, at: number): void {
  const scales = Float32Array.from({ length: 16 }, (_, j) => symmetricScale(x.subarray(16 * j, 16 * j + 16)));
  const most = scales.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  out.fill(0, at, at + 210);
  if (Math.abs(most) < LEAST) return;
  const d = most / -128;
  setHalf(out, at + 208, d);
  const [held] = decode('f16', out.subarray(at + 208, at + 210), 1);
  for (let i = 0; i < 256; i++) {
    const scale = Math.min(127, nearest(scales[i >> 4] / d));
    out[at + 192 + (i >> 4)] = scale;
    const q = held * scale ? bounded(nearest(x[i] / (held * scale)), -32, 31) + 32 : 0;
    out[at + (i >> 7) * 64 + (i & 63)] |= (q & 15) << ((i >> 6) & 1 ? 4 : 0);
    out[at + 128 + (i >> 7) * 32 + (i & 31)] |= (q >> 4) << (((i >> 5) & 3) * 2);
  }
}

/** Scale and minimum (from 0) of 32 values as 4 bits: x = scale * q - min, squared errors weighted by how far a value is out. */
function affineScale(x: Float32Array): [scale: number, min: number] {
  const mean = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length);
  let [low, high, sumW, sumX] = [0, x[0], 0, 0];
  for (const v of x) {
    low = Math.min(low, v);
    high = Math.max(high, v);
    const w = mean + Math.abs(v);
    sumW += w;
    sumX += w * v;
  }
  if (high === low) return [0, -low];
  const levels = new Float64Array(x.length);
  const take = (inverse: number) => {
    for (let i = 0; i < x.length; i++) levels[i] = bounded(nearest(inverse * (x[i] - low)), 0, 15);
  };
  const error = (scale: number, min: number) => {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += (mean + Math.abs(x[i])) * (scale * levels[i] + min - x[i]) ** 2;
    return sum;
  };
  let scale = (high - low) / 15;
  take(1 / scale);
  let best = error(scale, low);
  for (let step = 0; step <= 20; step++) {
    take((14 + 0.1 * step) / (high - low));
    let sumL = 0;
    let sumL2 = 0;
    let sumXL = 0;
    for (let i = 0; i < x.length; i++) {
      const w = (mean + Math.abs(x[i])) * levels[i];
      sumL += w;
      sumL2 += w * levels[i];
      sumXL += w * x[i];
    }
    const D = sumW * sumL2 - sumL * sumL;
    if (!(D > 0)) continue;
    const free = (sumL2 * sumX - sumL * sumXL) / D;
    const s = free > 0 ? sumXL / sumL2 : (sumW * sumXL - sumX * sumL) / D;
    const m = Math.min(0, free);
    const e = error(s, m);
    // further tries go on from the better minimum
    if (e < best) [scale, low, best] = [s, m, e];
  }
  return [scale, -low];
}

/** Scale of 16 values as signed 6 bits: x = scale * l, errors weighted by the square of the value. */
function symmetricScale(x: Float32Array): number {
  const most = x.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  if (Math.abs(most) < LEAST) return 0;
  let [scale, best] = [0, -1];
  // the plain scale first, so that another is taken only where it is better
  for (const step of [0, -9, -8, -7, -6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    const inverse = -(32 + 0.1 * step) / most;
    let sumXL = 0;
    let sumL2 = 0;
    for (let i = 0; i < x.length; i++) {
      const v = x[i];
      const l = bounded(nearest(inverse * v), -32, 31);
      sumXL += v * v * v * l;
      sumL2 += v * v * l * l;
    }
    if (sumL2 > 0 && (sumXL * sumXL) / sumL2 > best) [scale, best] = [sumXL / sumL2, (sumXL * sumXL) / sumL2];
  }
  return scale;
}

/** Groups all of whose values are smaller are taken for zero. */
const LEAST = 1e-15;

const bounded = (value: number, least: number, most: number) => Math.max(least, Math.min(value, most));

// The nearest whole number, ties to even, of numbers well below 2^51.
const nearest = (value: number) => value + 6755399441055744 - 6755399441055744;
