// Matrices that share their input, as one where they lie one behind the other: the same values, gradients and differences as apart.
import { describe, expect, test } from 'vitest';
import { formatBytes } from '../../src/formats.ts';
import { backward, giveGrad, type Program, temp } from '../../src/gpu/program.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { columns, read, write } from '../../src/gpu/tensor.ts';
import { decode } from '../../src/io/dequant.ts';
import { joined, newBlockSet, trainsBlocks } from '../../src/ops/blocks/blocks.ts';
import { linear } from '../../src/ops/matmul/linear.ts';
import { trainedTogether } from '../../src/ops/optimizer/trained.ts';
import { type StoredFormat, splitQuants } from '../../src/ops/stored/formats.ts';
import { newStack, newVectors, newWeight, type Weight } from '../../src/ops/stored/weight.ts';
import '../compare.ts';
import { input, runProgram } from '../gpu/harness.ts';
import { gpuWith } from '../gpu/kernels.ts';
import { noise } from '../oracle/finite.ts';
import { matmulNN, matmulNT, matmulTN } from '../oracle/matmul.ts';
import { storedNoise } from './stored.ts';

const [N, COLS, EDGE, MOST] = [37, 256, 8, 1 << 26];
const ROWS = [64, 32, 32];
const all = ROWS.reduce((a, b) => a + b);
const f32 = (n: number, seed: number) => new Float32Array(noise(n, seed));
const named = ROWS.map((rows, i) => ({ name: `layer.${'qkv'[i]}_proj.weight`, rows }));
const gpu = await gpuWith('tiles');

/** Weights with their values written, all from one piece of bytes; and these values. */
function filled(weights: Weight[], format: StoredFormat): Float32Array {
  const bytes = storedNoise(format, all * COLS).map((b) => b & (format === 'f32' || format === 'bf16' ? 0xbf : 0xff));
  let at = 0;
  for (const w of weights) {
    const size = formatBytes(format, w.rows * COLS);
    const { q, s } = splitQuants(format, bytes.slice(at, (at += size)));
    const [{ q: to, s: scales }] = w.windows;
    for (const t of [to, scales]) if (t) allocate(gpu.scope, t.home!);
    write(gpu.memory, to, q);
    if (s) write(gpu.memory, scales!, s);
  }
  return decode(format, bytes, all * COLS);
}

const CHOSEN: [number, number][][] = [
  [
    [0, 3],
    [7, 31],
  ],
  [],
  [
    [1, 0],
    [1, 5],
    [3, 3],
  ],
];

/** Blocks on the weights, as a method attaches them; their differences are noise. */
function withBlocks(weights: Weight[]) {
  const sets = weights.map((w, i) => (CHOSEN[i].length ? newBlockSet(w.name, w.rows, COLS, EDGE, CHOSEN[i], true) : null));
  const own = sets.filter((s) => s !== null);
  trainedTogether(
    'blocks',
    own.map((s) => ({ value: s.delta, grad: s.grad! })),
    { decay: true, most: MOST },
  );
  const { stack } = weights[0];
  const joint = stack ? joined(stack, sets) : null;
  if (stack && joint) stack.trains = trainsBlocks(joint);
  sets.forEach((s, i) => s && Object.assign(weights[i], { trains: trainsBlocks(s) }));
  own.forEach((s, i) => {
    for (const t of [s.delta, s.grad!, s.lists]) allocate(gpu.scope, t.home!);
    write(gpu.memory, s.delta, f32(s.delta.bytes / 4, 20 + i));
    write(gpu.memory, s.lists, s.places.words);
  });
  if (joint) {
    allocate(gpu.scope, joint.lists.home!);
    write(gpu.memory, joint.lists, joint.places.words);
  }
  return { own, joint };
}

async function step(weights: Weight[], blocks = false) {
  const trained = blocks ? withBlocks(weights) : null;
  const [X, DY] = [f32(N * COLS, 1), f32(N * all, 2)];
  const [x, dy] = [await input('x', [N, COLS], X), await input('dy', [N, all], DY)];
  let names: string[] = [];
  const build = (p: Program) => {
    p.needs.add(x);
    const ys = linear(p, x, weights);
    let at = 0;
    for (const y of ys) {
      expect(y.of!.at).toBe(at);
      giveGrad(p, y, columns(dy, at, y.shape[1], 'dy'));
      at += y.shape[1];
    }
    backward(p);
    names = p.entries.flatMap((e) => (e.op === 'run' ? [e.kernel.name] : []));
    return { y: ys[0].of!.t, dx: p.grads.get(x) ?? temp(p, 'none', [1]) };
  };
  const { y, dx } = await runProgram(build, { gpu });
  const grads = await Promise.all((trained?.own ?? []).map((s) => read(gpu.memory, s.grad!)));
  return { y, dx, grads, names, X, DY, joint: trained?.joint ?? null };
}

// Those whose scales, of so small matrices, end where a binding may begin.
const FORMATS: StoredFormat[] = ['f32', 'bf16', 'f16', 'q8_0', 'q4_0'];
describe.each(FORMATS)('%s', (format) => {
  test('frozen: one product there and one back', async () => {
    const weights = newStack(named, COLS, format, MOST);
    expect(weights[0].stack?.parts).toEqual(weights);
    const W = filled(weights, format);
    const { y, dx, X, DY, names } = await step(weights);
    expect(names.filter((n) => n.startsWith('gemm_tile')).length).toBe(2);
    expect(y).toBeCloseL2(matmulNT(X, W, N, all, COLS), 1e-6);
    expect(dx).toBeCloseL2(matmulNN(DY, W, N, COLS, all), 1e-6);
  });
});

test('chosen blocks: W + D of all, and dD of all where each keeps its own', async () => {
  const weights = newStack(named, COLS, 'f32', MOST);
  const W = filled(weights, 'f32');
  const { y, dx, grads, X, DY, joint, names } = await step(weights, true);
  expect(joint!.index.length / 2).toBe(5);
  expect(names.filter((n) => n.startsWith('gemm_tile')).length).toBe(2);
  const dW = matmulTN(DY, X, all, COLS, N);
  const sum = Float64Array.from(W);
  const starts = [0, 64, 96];
  CHOSEN.filter((list) => list.length).forEach((list, own) => {
    const start = starts[CHOSEN.indexOf(list)];
    const D = f32((list.length * EDGE * EDGE * 4) / 4, 20 + own);
    const want = new Float64Array(D.length);
    for (let i = 0; i < D.length; i++) {
      const [block, r, c] = [Math.floor(i / EDGE ** 2), Math.floor((i % EDGE ** 2) / EDGE), i % EDGE];
      const at = (start + list[block][0] * EDGE + r) * COLS + list[block][1] * EDGE + c;
      sum[at] += D[i];
      want[i] = dW[at];
    }
    expect(grads[own]).toBeCloseL2(want, 1e-6);
  });
  expect(y).toBeCloseL2(matmulNT(X, sum, N, all, COLS), 1e-6);
  expect(dx).toBeCloseL2(matmulNN(DY, sum, N, COLS, all), 1e-6);
});

test('biases that lie one behind the other are where the one product begins', async () => {
  const rows = [128, 64, 64];
  const weights = newStack(
    rows.map((n, i) => ({ name: `w${i}`, rows: n })),
    COLS,
    'f32',
    MOST,
  );
  const biases = newVectors(
    rows.map((n, i) => ({ name: `b${i}`, n })),
    MOST,
  );
  const [W, B, X] = [f32(256 * COLS, 3), f32(256, 4), f32(N * COLS, 1)];
  let at = 0;
  weights.forEach((w, i) => {
    const [{ q }] = w.windows;
    for (const t of [q, biases[i].value]) allocate(gpu.scope, t.home!);
    write(gpu.memory, q, W.slice(at * COLS, (at + w.rows) * COLS));
    write(gpu.memory, biases[i].value, B.slice(at, (at += w.rows)));
  });
  const x = await input('x', [N, COLS], X);
  let names: string[] = [];
  const { y } = await runProgram(
    (p) => {
      const [q] = linear(p, x, weights, { bias: biases });
      names = p.entries.flatMap((e) => (e.op === 'run' ? [e.kernel.name] : []));
      return { y: q.of!.t };
    },
    { gpu },
  );
  expect(names.filter((n) => !n.startsWith('gemm_split')).map((n) => n.split(' ')[0])).toEqual([
    expect.stringMatching(/^gemm_tile/),
  ]);
  expect(y).toBeCloseL2(
    matmulNT(X, W, N, 256, COLS).map((v, i) => v + B[i % 256]),
    1e-6,
  );
});

test('a gradient that is not beside the others is an error', async () => {
  const weights = newStack(named, COLS, 'f32', MOST);
  filled(weights, 'f32');
  const [x, dy] = [await input('x', [N, COLS], []), await input('dy', [N, 64], [])];
  const build = runProgram(
    (p) => {
      p.needs.add(x);
      giveGrad(p, linear(p, x, weights)[0], dy);
      backward(p);
      return { x };
    },
    { gpu },
  );
  await expect(build).rejects.toThrow(/side by side/);
});

test.each([
  ['where a binding holds only some', 'f32', 1 << 16, ROWS],
  ['where one ends between two places that may be bound', 'q4_0', MOST, [3, 5, 8]],
] as [string, StoredFormat, number, number[]][])('no stack %s', (_, format, most, rows) => {
  const weights = newStack(
    rows.map((n, i) => ({ name: `w${i}`, rows: n })),
    32,
    format,
    format === 'f32' ? 8000 : most,
  );
  expect(weights.map((w) => w.stack)).toEqual([undefined, undefined, undefined]);
  expect(weights.map(({ windows }) => windows)).toEqual(
    rows.map((n, i) => newWeight(`w${i}`, n, 32, format, format === 'f32' ? 8000 : most).windows),
  );
});
