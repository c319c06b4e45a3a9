// Self-tests of what only decoding does: keys and values into a cache, attention over it, the choice of a token, rows going on by it,
// and of a search the likeliest tokens and rows moved.

import type { Planning } from '../../gpu/limits.ts';
import type { Program } from '../../gpu/program.ts';
import { columns, resident } from '../../gpu/tensor.ts';
import { attentionCached, intoCache, moveRows, newCache } from '../../ops/attention/cache.ts';
import { ropeTable } from '../../ops/attention/rope.ts';
import { likeliest, toldWidth } from '../../ops/loss/likeliest.ts';
import { advance, BROKEN, choose, newChoosing } from '../../ops/stream/choose.ts';
import { newRanking, ranked } from '../../ops/stream/ranked.ts';
import { newStream } from '../../ops/stream/stream.ts';
import { attentionF64 } from './attention-f64.ts';
import { type Check, given, near, noise, noisy, type Wanted, zeros } from './check.ts';

export function decodingChecks(): Check[] {
  const forms = [true, false].flatMap((software) => [64, 6].map((D) => attending(software, D)));
  return [
    caching(true),
    caching(false),
    ...forms,
    choosing(true),
    choosing(false),
    advancing(),
    ranking(true),
    ranking(false),
    moving(),
    telling(1000),
    telling(999),
  ];
}

/** Plans as for a software adapter, or for a GPU. */
const as = (software: boolean) => (of: Planning) => ({ ...of, half: false, choices: {}, software });

/** Whole numbers, which are read back as the f32 of the same bits. */
function whole(values: number[]): Wanted {
  return { values: Float64Array.from(values, (v) => v * 2 ** -149), bound: () => 2 ** -151 };
}

/** Three tokens in rows of four places; q and k are columns of the same rows. */
function caching(turn: boolean): Check {
  const [N, rooms, capacity] = [3, 8, 4];
  const heads = { n_heads: 4, n_kv_heads: 2, head_dim: 6 };
  return {
    name: `cache_turned${turn ? '' : ' without positions'}`,
    make() {
      const cache = newCache('cache', rooms, heads);
      const [all, v] = [noisy('qk', [N, 36], 14), noisy('v', [N, 12], 16)];
      const where = Uint32Array.of(2, 4, 7);
      const places = given('places', [N], where);
      const table = given('table', [4, 3, 2], ropeTable({ theta: 100, scaling: null }, 6, 4));
      const [q, k] = [columns(all[0], 0, 24, 'q'), columns(all[0], 24, 12, 'k')];
      const build = (p: Program) => {
        const at = { places: places[0], capacity, table: table[0], turn };
        return [intoCache(p, { q, k, v: v[0] }, cache, heads, at), cache.k, cache.v];
      };
      /** Heads of x turned, token t at row rows[t] of so many. */
      const wanted = (
        x: (t: number, c: number) => number,
        n_heads: number,
        rows: ArrayLike<number>,
        all: number,
        turns: boolean,
      ) => {
        const out = new Float64Array(all * n_heads * 6);
        for (let t = 0; t < N; t++)
          for (let c = 0; c < n_heads * 6; c += c % 6 === 2 ? 4 : 1) {
            const angle = turns ? (where[t] % capacity) * 100 ** (-(c % 6) / 3) : 0;
            const [a, b] = [x(t, c), x(t, c + 3)];
            out[rows[t] * n_heads * 6 + c] = a * Math.cos(angle) - b * Math.sin(angle);
            out[rows[t] * n_heads * 6 + c + 3] = b * Math.cos(angle) + a * Math.sin(angle);
          }
        return near(out, 1e-6);
      };
      const want = [
        wanted((t, c) => all[1][t * 36 + c], 4, [0, 1, 2], N, turn),
        wanted((t, c) => all[1][t * 36 + 24 + c], 2, where, rooms, turn),
        wanted((t, c) => v[1][t * 12 + c], 2, where, rooms, false),
      ];
      return { inputs: [all, v, places, table, zeros(cache.k), zeros(cache.v)], build, want };
    },
  };
}

/** The last tokens of two rows of a cache, one of them longer than the keys that are taken at a time. */
function attending(software: boolean, D: number): Check {
  const [capacity, G, group] = [90, 2, 4];
  const H = G * group;
  const ends = [83, capacity + 4];
  return {
    name: `attention over a cache, ${software ? 'software' : 'hardware'}, heads of ${D}`,
    planning: as(software),
    make() {
      const T = 2 * capacity;
      const lo = Uint32Array.from({ length: T }, (_, t) => (t < capacity ? 0 : capacity));
      const all = [H, G, G].map((heads, i) => noise(T * heads * D, 10 + i));
      const rows = (x: ArrayLike<number>) => ends.flatMap((t) => Array.from(x).slice(t * H * D, (t + 1) * H * D));
      const q = given('q', [2, H * D], Float32Array.from(rows(all[0])));
      const [k, v] = [1, 2].map((i) => given('kv', [T, G * D], all[i]));
      const [first, last] = [given('lo', [2], Uint32Array.of(0, capacity)), given('last', [2], Uint32Array.from(ends))];
      const heads = { n_heads: H, n_kv_heads: G, head_dim: D, scale: D ** -0.5, capacity, lo: first[0], last: last[0] };
      const build = (p: Program) => [attentionCached(p, q[0], { k: k[0], v: v[0] }, heads)];
      const { o } = attentionF64([...all, new Float32Array(T * H * D)], lo, T, H, G, D);
      return { inputs: [q, k, v, first, last], build, want: [near(Float64Array.from(rows(o)), 1e-5)] };
    },
  };
}

/** The likeliest tokens, the first of equals; by chance where only one is among the likeliest that make up half; and a broken row. */
function choosing(greedy: boolean): Check {
  const [M, V] = [4, 1000];
  return {
    name: `choose ${greedy ? 'the likeliest' : 'by chance'}`,
    make() {
      const c = newChoosing(M);
      const numbers = noise(M * V, 17);
      const best = [0, 999, 640];
      best.forEach((id, m) => (numbers[m * V + id] = 9));
      numbers[2 * V + 700] = greedy ? 9 : 0;
      numbers[3 * V + 5] = Number.NaN;
      const s = newStream(M, M);
      const logits = given('logits', [M, V], numbers);
      const build = (p: Program) => {
        choose(p, logits[0], c, { tokenAt: s.targetAt, positions: s.positions });
        return [c.chosen];
      };
      const order = Uint32Array.from({ length: M }, (_, i) => i);
      const sampling = Float32Array.from({ length: 2 * M }, (_, i) => (greedy ? [0, 1] : [1, 0.5])[i % 2]);
      return {
        inputs: [logits, [c.sampling, sampling], [c.seeds, order], [s.targetAt, order], [s.positions, order]],
        build,
        want: [whole(best)],
      };
    },
  };
}

/** Two of a row's tokens in the order of their logits, equals by their ids, and the log-probability of a third. */
function telling(V: number): Check {
  const [M, width] = [3, toldWidth(2)];
  return {
    name: `likeliest of ${V}`,
    make() {
      const numbers = noise(M * V, 18);
      const best = [
        [5, 640],
        [998, 0],
        [7, 300],
      ];
      best.forEach(([first, second], m) => {
        numbers[m * V + first] = 9;
        numbers[m * V + second] = m === 2 ? 9 : 8;
      });
      const logits = given('logits', [M, V], numbers);
      const ids = given('ids', [M], Uint32Array.of(3, 998, 64));
      const told = resident('told', [M, width], 'other', 'u32');
      const build = (p: Program) => {
        likeliest(p, logits[0], { ids: ids[0], told, row0: 0, m: M, wanted: 2 });
        return [told];
      };
      const values = best.flatMap((top, m) => {
        const row = numbers.subarray(m * V, (m + 1) * V);
        const sum = row.reduce((n, x) => n + Math.exp(x), 0);
        return [ids[1][m], ...top].flatMap((id) => [id * 2 ** -149, row[id] - Math.log(sum)]);
      });
      const bound = (i: number) => (i % 2 ? 1e-5 : 2 ** -151);
      return { inputs: [logits, ids], build, want: [{ values: Float64Array.from(values), bound }] };
    },
  };
}

/** The second row has no room left, the third is broken. */
function advancing(): Check {
  const [N, capacity] = [3, 10];
  return {
    name: 'advance',
    make() {
      const s = newStream(N, N);
      const { chosen } = newChoosing(N);
      const build = (p: Program) => {
        advance(p, chosen, s, N, capacity);
        return [s.ids, s.positions, s.last];
      };
      return {
        inputs: [
          [chosen, Uint32Array.of(7, 8, BROKEN)],
          [s.lo, Uint32Array.of(0, 20, 10)],
          [s.ids, new Uint32Array(N)],
          [s.positions, Uint32Array.of(3, 9, 0)],
          [s.last, Uint32Array.of(3, 29, 10)],
        ],
        build,
        want: [whole([7, 8, 0]), whole([4, 9, 1]), whole([4, 29, 11])],
      };
    },
  };
}

/** The three likeliest of two rows; the first token of a row has been seen, and in the second a token has an equal. */
function ranking(asLog: boolean): Check {
  const [M, V, K] = [2, 70, 3];
  return {
    name: `ranked by ${asLog ? 'log-probability' : 'logit'}`,
    make() {
      const r = newRanking(M, K, V);
      const numbers = new Float32Array(M * V).fill(-4);
      numbers.set([6, 5.5, 5], 0); // of these the first is seen
      [65, 66, 3].forEach((id, i) => (numbers[V + id] = i < 2 ? 2 : 1)); // and of these the last
      const logits = given('logits', [M, V], numbers);
      const seen = Uint32Array.of(1, 0, 0, 8, 0, 0);
      const row = (m: number) => Array.from(numbers.subarray(m * V, (m + 1) * V));
      const sum = (m: number) => (asLog ? Math.log(row(m).reduce((all, x) => all + Math.exp(x), 0)) : 0);
      const scores = [0, 1].map((m) =>
        row(m)
          .map((x, id) => {
            const score = x - sum(m);
            return { id, score: id !== (m ? 3 : 0) ? score : score < 0 ? score * 2 : score / 2 };
          })
          .sort((a, b) => b.score - a.score || a.id - b.id)
          .slice(0, K),
      );
      const all = scores.flat();
      const values = Float64Array.from(all.flatMap(({ id, score }) => [id * 2 ** -149, score]));
      const want = { values, bound: (i: number) => (i % 2 ? 1e-5 : 2 ** -151) };
      const build = (p: Program) => {
        ranked(p, logits[0], r, asLog);
        return [r.best];
      };
      return { inputs: [logits, [r.seen, seen], [r.penalty, Float32Array.of(2)]], build, want: [want] };
    },
  };
}

/** Two rows change places, a third becomes what one of them was, the fourth stays; places past the reach stay what they were. */
function moving(): Check {
  const [ROWS, capacity, reach] = [4, 3, 2];
  const parents = [1, 0, 1, 3];
  return {
    name: 'cache_moved',
    make() {
      const cache = newCache('cache', ROWS * capacity, { n_heads: 2, n_kv_heads: 2, head_dim: 6 });
      const row = capacity * 12;
      const held = [20, 21].map((seed) => noise(ROWS * row, seed));
      const [from, to] = [given('parents', [ROWS], Uint32Array.from(parents)), given('reach', [1], Uint32Array.of(reach))];
      const build = (p: Program) => {
        moveRows(p, cache, { parents: from[0], reach: to[0] });
        return [cache.k, cache.v];
      };
      const moved = (x: Float32Array) =>
        Float64Array.from(x, (was, i) => (i % row < reach * 12 ? x[parents[Math.floor(i / row)] * row + (i % row)] : was));
      return { inputs: [[cache.k, held[0]], [cache.v, held[1]], from, to], build, want: held.map((x) => near(moved(x), 0)) };
    },
  };
}
