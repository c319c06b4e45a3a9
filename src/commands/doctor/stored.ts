// Self-tests of stored formats: unpacked, read in place for a few tokens, packed for the product, and looked up by token.

import { backward, giveGrad, type Program, temp } from '../../gpu/program.ts';
import { resident } from '../../gpu/tensor.ts';
import { decode } from '../../io/dequant.ts';
import { differencesOf, eachBlockLine, newBlockSet } from '../../ops/blocks/blocks.ts';
import { multiply, whole } from '../../ops/matmul/gemm.ts';
import { type GemmLayout, VARIANTS } from '../../ops/matmul/gemm-variants.ts';
import { dense } from '../../ops/matmul/linear.ts';
import { STORED, type StoredFormat, splitQuants } from '../../ops/stored/formats.ts';
import { gemv, unpack } from '../../ops/stored/unpack.ts';
import { newWeight } from '../../ops/stored/weight.ts';
import { embed } from '../../ops/stream/embed.ts';
import { newStream } from '../../ops/stream/stream.ts';
import { random } from '../../random.ts';
import { type Check, type Input, near, noise, noisy, ULP, type Wanted } from './check.ts';
import { productF64 } from './f64.ts';
import { lackOf } from './products.ts';

const FORMATS = Object.keys(STORED) as StoredFormat[];
/** Formats whose rows may have any length. */
const UNBLOCKED = FORMATS.filter((format) => STORED[format].block === 1);

export function storedChecks(): Check[] {
  return [
    ...FORMATS.map(unpacking),
    ...FORMATS.flatMap((format) => [1, 2, 3, 5].map((tokens) => reading(format, 512, tokens))),
    ...UNBLOCKED.map((format) => reading(format, 43, 3)),
    ...FORMATS.filter((format) => format !== 'f32').flatMap((format) =>
      (['nt', 'nn'] as const).map((layout) => packing(format, layout)),
    ),
    ...FORMATS.flatMap((format) => (['nt', 'nn'] as const).map((layout) => tiling(format, layout))),
    ...FORMATS.map((format) => looking(format, 512)),
    ...UNBLOCKED.map((format) => looking(format, 43)),
    ...[44, 43].map(adding),
  ];
}

/** Names a form by how it reads rows: four floats at a time, or one. */
const by = (cols: number) => (cols % 4 ? 'by 1' : 'by 4');

/** A weight [rows, cols] of any bytes, and the values that they mean. */
export function weightOf(format: StoredFormat, rows: number, cols: number, maxBinding: number) {
  const { block, bytes } = STORED[format];
  const next = random(3);
  // bit 6 of no byte is set, so that whatever is read as a float is finite and below 2
  const stored = Uint8Array.from({ length: (rows * cols * bytes) / block }, () => next() & 0xbf);
  const w = newWeight('w', rows, cols, format, maxBinding);
  const { q, s } = splitQuants(format, stored);
  const inputs: Input[] = [[w.windows[0].q, q], ...(s ? [[w.windows[0].s!, s] as const] : [])];
  return { w, inputs, values: decode(format, stored, rows * cols) };
}

function unpacking(format: StoredFormat): Check {
  const [rows, cols] = [6, 512];
  return {
    name: `unpack ${format}`,
    make({ maxBinding }) {
      const { w, inputs, values } = weightOf(format, rows, cols, maxBinding);
      const build = (p: Program) => {
        const panel = temp(p, 'panel', [rows, cols]);
        unpack(p, w, w.windows[0], 0, rows, panel);
        return [panel];
      };
      return { inputs, build, want: [near(Float64Array.from(values), 4 * ULP)] };
    },
  };
}

/** A sum of products with stored values may be off by their roundings, those of the format's own arithmetic among them. */
function productOf(layout: GemmLayout, x: Float32Array, w: Float32Array, M: number, N: number, K: number, times = 1): Wanted {
  const most = w.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  const { values } = productF64(layout, x, w, M, N, K);
  const { values: sizes } = productF64(
    layout,
    x.map(Math.abs),
    w.map(() => most),
    M,
    N,
    K,
  );
  return { values: values.map((v) => times * v), bound: (i) => times * (2 * Math.sqrt(K) + 4) * ULP * sizes[i] };
}

/** gemv: written, then added once more. */
function reading(format: StoredFormat, cols: number, tokens: number): Check {
  const rows = 21;
  return {
    name: `gemv ${format} ${by(cols)}, ${tokens} token${tokens > 1 ? 's' : ''}`,
    make({ maxBinding }) {
      const { w, inputs, values } = weightOf(format, rows, cols, maxBinding);
      const x = noisy('x', [tokens, cols], 4);
      const build = (p: Program) => {
        const y = temp(p, 'y', [tokens, rows]);
        for (const accumulate of [0, 1] as const) gemv(p, w, w.windows[0], whole(x[0]), tokens, whole(y), accumulate);
        return [y];
      };
      return { inputs: [...inputs, x], build, want: [productOf('nt', x[1], values, tokens, rows, cols, 2)] };
    },
  };
}

/** The product that reads its right operand as it is stored. */
function packing(format: StoredFormat, layout: 'nt' | 'nn'): Check {
  const [rows, cols, tokens] = [20, 256, 9];
  const v = VARIANTS.find((v) => v.packs && !v.lanes && v.layout === layout)!;
  const [N, K] = layout === 'nt' ? [rows, cols] : [cols, rows];
  return {
    name: `pack ${format} ${layout}`,
    lacks: (limits) => lackOf(v, limits),
    make({ maxBinding }) {
      const { w, inputs, values } = weightOf(format, rows, cols, maxBinding);
      const x = noisy('x', [tokens, K], 5);
      const build = (p: Program) => {
        const y = temp(p, 'y', [tokens, N]);
        const { q, s } = w.windows[0];
        const b = { t: q, at: 0, ld: cols, stored: { format, s } };
        multiply(p, v, { a: whole(x[0]), b, c: whole(y), m: tokens, n: N, k: K }, 0);
        return [y];
      };
      return { inputs: [...inputs, x], build, want: [productOf(layout, x[1], values, tokens, N, K)] };
    },
  };
}

/** The tiled product that reads its right operand as it is stored: bare, and with chosen blocks. */
function tiling(format: StoredFormat, layout: 'nt' | 'nn'): Check {
  const [b, rows, cols, tokens] = [8, 24, 256, 9];
  const v = VARIANTS.find((v) => v.kernel === 'gemm_tile64' && v.layout === layout)!;
  const [N, K] = layout === 'nt' ? [rows, cols] : [cols, rows];
  return {
    name: `tile ${format} ${layout}, with blocks`,
    make({ maxBinding }) {
      const { w, inputs, values } = weightOf(format, rows, cols, maxBinding);
      const set = newBlockSet('w', rows, cols, b, CHOSEN, false);
      const x = noisy('x', [tokens, K], 5);
      const delta = noise(CHOSEN.length * b * b, 6);
      const full = values.slice();
      eachBlockLine(set, 0, rows, (at, from) => {
        for (let j = 0; j < b; j++) full[at + j] += delta[from + j];
      });
      const build = (p: Program) => {
        const { q, s } = w.windows[0];
        const bare = { t: q, at: 0, ld: cols, ...(format !== 'f32' && { stored: { format, s } }) };
        return [bare, { ...bare, blocks: { ...differencesOf(set), line0: 0 } }].map((b) => {
          const y = temp(p, 'y', [tokens, N]);
          multiply(p, v, { a: whole(x[0]), b, c: whole(y), m: tokens, n: N, k: K }, 0);
          return y;
        });
      };
      const want = [values, full].map((w) => productOf(layout, x[1], w, tokens, N, K));
      return { inputs: [...inputs, x, [set.delta, delta], [set.lists, set.places.words]], build, want };
    },
  };
}

/** Block rows and columns: the first and the last block, and two in a row. */
const CHOSEN = [
  [0, 0],
  [1, 6],
  [1, 7],
  [2, 31],
] as const;

// --- the embedding ------------------------------------------------------------------------------------------------------

/** Tokens with ids that repeat, as a stream has them. */
function tokensOf(N: number, vocabulary: number) {
  const ids = Uint32Array.from({ length: N }, (_, i) => (i * 5) % vocabulary);
  const order = Uint32Array.from(ids.keys()).sort((a, b) => ids[a] - ids[b] || a - b);
  const groups: number[] = [];
  order.forEach((t, i) => {
    if (!i || ids[t] !== ids[order[i - 1]]) groups.push(ids[t], i);
  });
  const stream = newStream(N, 1);
  const closing = new Uint32Array(2 * N + 2).fill(0xffffffff);
  closing.set(groups);
  for (let i = groups.length; i < closing.length; i += 2) closing[i + 1] = N;
  const inputs: Input[] = [
    [stream.ids, ids],
    [stream.order, order],
    [stream.groups, closing],
  ];
  return { stream, ids, inputs };
}

/** Rows of a table by id. */
function rowsOf(table: Float32Array, ids: Uint32Array, cols: number): Wanted {
  const length = ids.length * cols;
  return near(
    Float64Array.from({ length }, (_, i) => table[ids[Math.floor(i / cols)] * cols + (i % cols)]),
    4 * ULP,
  );
}

function looking(format: StoredFormat, cols: number): Check {
  const [N, vocabulary] = [11, 7];
  return {
    name: `embed ${format} ${by(cols)}`,
    make({ maxBinding }) {
      const { w, inputs, values } = weightOf(format, vocabulary, cols, maxBinding);
      const { stream, ids, inputs: tokens } = tokensOf(N, vocabulary);
      const build = (p: Program) => [embed(p, stream, w)];
      return { dims: { N }, inputs: [...inputs, tokens[0]], build, want: [rowsOf(values, ids, cols)] };
    },
  };
}

function adding(cols: number): Check {
  const [N, vocabulary] = [11, 7];
  return {
    name: `embed_backward ${by(cols)}`,
    make({ maxBinding }) {
      const { w, inputs, values } = weightOf('f32', vocabulary, cols, maxBinding);
      const { stream, ids, inputs: tokens } = tokensOf(N, vocabulary);
      const dh = noisy('dh', [N, cols], 6);
      const grad = resident('grad', [vocabulary, cols], 'other');
      w.trains = dense([grad]);
      const build = (p: Program) => {
        const h = embed(p, stream, w);
        giveGrad(p, h, dh[0]);
        backward(p);
        return [h, grad];
      };
      const sums = new Float64Array(vocabulary * cols);
      dh[1].forEach((d, i) => (sums[ids[Math.floor(i / cols)] * cols + (i % cols)] += d));
      return { dims: { N }, inputs: [...inputs, ...tokens, dh], build, want: [rowsOf(values, ids, cols), near(sums, 8 * ULP)] };
    },
  };
}
