// Self-tests of attention, forward and backward, in every form of its kernels. Over a cache it is in decoding.ts.

import { type Planning, planningOf } from '../../gpu/limits.ts';
import { backward, giveGrad, gradOf, type Program } from '../../gpu/program.ts';
import { columns } from '../../gpu/tensor.ts';
import { attention } from '../../ops/attention/attention.ts';
import type { Form } from '../../ops/attention/forms.ts';
import { newStream } from '../../ops/stream/stream.ts';
import { attentionF64 } from './attention-f64.ts';
import { type Check, type Input, near, noisy } from './check.ts';

/** Heads: their width, and how many share a key. Rows of 6 are not read four floats at a time. */
const HEADS = [
  { head_dim: 64, group: 4 },
  { head_dim: 6, group: 1 },
];

export function attentionChecks(): Check[] {
  const forms: Form[] = ['registers', 'tiles'];
  const plain = HEADS.flatMap((heads) => forms.map((form) => attending(form, heads)));
  const shared = [4, 8].flatMap((share) => HEADS.map((heads) => attending('subgroup', heads, share)));
  return [...plain, ...shared, ...HEADS.map(besides)];
}

/** Two packed rows, grouped queries. share: the invocations that load for each other. */
function attending(form: Form, { head_dim: D, group }: (typeof HEADS)[number], share?: number): Check {
  const [T, G] = [37, 2];
  const H = G * group;
  return {
    name: `attention ${form}${share ? ` of ${share}` : ''}, heads of ${D}`,
    ...(share && {
      lacks: ({ subgroups }: Planning) => (subgroups < share ? `it wants subgroups of ${share}` : undefined),
      planning: (of: Planning) => ({ ...planningOf(of, { half: false }), subgroups: Math.min(share, of.subgroups) }),
    }),
    make() {
      const lo = Uint32Array.from({ length: T }, (_, i) => (i < 14 ? 0 : 14));
      const hi = lo.map((first) => (first ? T - 1 : 13));
      const s = newStream(T, 1);
      const all = [H, G, G, H].map((heads, i) => noisy('qkvd'[i], [T, heads * D], 10 + i));
      const [q, k, v, dy] = all.map(([t]) => t);
      const build = (p: Program) => {
        for (const t of [q, k, v]) p.needs.add(t);
        const heads = { n_heads: H, n_kv_heads: G, head_dim: D, scale: D ** -0.5 };
        const o = attention(p, q, k, v, { lo: s.lo, last: s.last, hi: s.hi, ...heads, form });
        giveGrad(p, o, dy);
        backward(p);
        return [o, ...[q, k, v].map((t) => gradOf(p, t)!)];
      };
      const inputs: Input[] = [...all, [s.lo, lo], [s.hi, hi], [s.last, Uint32Array.from({ length: T }, (_, i) => i)]];
      const data = all.map(([, numbers]) => numbers);
      const { o, dq, dk, dv } = attentionF64(data, lo, T, H, G, D);
      return { inputs, build, want: [o, dq, dk, dv].map((x) => near(x, 1e-5)) };
    },
  };
}

/** Queries, keys and values side by side in the same rows, as products of stacked matrices leave them. */
function besides({ head_dim: D, group }: (typeof HEADS)[number]): Check {
  const [T, G] = [37, 2];
  const H = G * group;
  return {
    name: `attention tiles of columns, heads of ${D}`,
    make() {
      const s = newStream(T, 1);
      const [qkv, dy] = [noisy('qkv', [T, (H + 2 * G) * D], 15), noisy('dy', [T, H * D], 16)];
      const part = (from: number, heads: number) => columns(qkv[0], from * D, heads * D, 'part');
      const build = (p: Program) => {
        const [q, k, v] = [part(0, H), part(H, G), part(H + G, G)];
        for (const t of [q, k, v]) p.needs.add(t);
        const heads = { n_heads: H, n_kv_heads: G, head_dim: D, scale: D ** -0.5, form: 'tiles' as const };
        const o = attention(p, q, k, v, { lo: s.lo, last: s.last, hi: s.hi, ...heads });
        giveGrad(p, o, dy[0]);
        backward(p);
        return [o, gradOf(p, v)!.of!.t];
      };
      const own = Uint32Array.from({ length: T }, (_, i) => i);
      const inputs: Input[] = [qkv, dy, [s.lo, new Uint32Array(T)], [s.hi, new Uint32Array(T).fill(T - 1)], [s.last, own]];
      const ld = (H + 2 * G) * D;
      const cut = (from: number, heads: number) =>
        Float32Array.from(
          { length: T * heads * D },
          (_, i) => qkv[1][Math.floor(i / (heads * D)) * ld + from * D + (i % (heads * D))],
        );
      const data = [cut(0, H), cut(H, G), cut(H + G, G), dy[1]];
      const { o, dq, dk, dv } = attentionF64(data, new Uint32Array(T), T, H, G, D);
      const all = Float64Array.from({ length: T * ld }, (_, i) => {
        const [t, c] = [Math.floor(i / ld), i % ld];
        if (c < H * D) return dq[t * H * D + c];
        return c < (H + G) * D ? dk[t * G * D + c - H * D] : dv[t * G * D + c - (H + G) * D];
      });
      return { inputs, build, want: [near(o, 1e-5), near(all, 1e-5)] };
    },
  };
}
