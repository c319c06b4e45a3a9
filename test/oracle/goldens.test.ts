// The f64 reference against PyTorch, for every family.
import { beforeAll, describe, expect, test } from 'vitest';
import '../compare.ts';
import { FAMILIES, type Golden, inF64, loadGolden } from '../goldens/load.ts';
import { gradientScores, weightScores } from './blocks.ts';
import { forward, greedy, logprobs, lossAndGradients, pack, type Weights } from './model.ts';
import { columnsOf, train } from './train.ts';

// The goldens are stored in f32 and their inverse RoPE frequencies rounded to it; all else is f64 on both sides.
const bound = 5e-7;

describe.each(FAMILIES)('%s', (family) => {
  let golden: Golden;
  let weights: Weights;
  beforeAll(async () => {
    golden = await loadGolden(family);
    weights = inF64(golden.weights);
  });

  test('logits of one row', () => {
    const { logits } = forward(golden.config, weights, pack([golden.rows[0]]));
    expect(logits).toBeCloseL2(golden.tensors.get('logits')!.data, bound);
  });

  test('loss and every gradient of the first batch', () => {
    const batch = pack(golden.rows.slice(0, golden.batch));
    const { loss, count, grads } = lossAndGradients(golden.config, weights, batch);
    expect(count).toBe(golden.tokens);
    expect([loss]).toBeAllclose([golden.loss], { rtol: bound });
    expect([...grads.keys()].sort()).toEqual([...golden.weights.keys()].sort());
    for (const [name, g] of grads) expect(g, name).toBeCloseL2(golden.tensors.get(`grad/${name}`)!.data, bound);
  });

  test('log-probability and targets of every row', () => {
    const got = logprobs(golden.config, weights, golden.rows);
    expect(got.flat()).toBeAllclose(golden.eval.flat(), { rtol: bound });
  });

  test.each(['full', 'smt8_all', 'smt16_qkv'] as const)('ten steps of %s', (kind) => {
    const trained = inF64(golden.weights);
    const want = golden.curves[kind];
    const got = train(golden.config, trained, golden.rows, golden.batch, 10, want);
    expect(got.loss).toBeCloseL2(want.loss, bound);
    expect(got.grad_norm).toBeCloseL2(want.grad_norm, bound);
    const after = logprobs(golden.config, trained, golden.rows).map(([logprob]) => logprob);
    expect(after).toBeCloseL2(want.eval, bound);
  });

  test('score maps over three frozen steps', () => {
    const steps = [0, 1, 2].map((i) => {
      const rows = golden.rows.slice(i * golden.batch, (i + 1) * golden.batch);
      return lossAndGradients(golden.config, weights, pack(rows));
    });
    const maps = [...golden.tensors].filter(([key]) => key.startsWith('score/'));
    expect(maps.length).toBe(golden.config.n_layers * 6 * (7 + 3)); // six scores: edge 8 for seven matrices, 16 for three
    for (const [key, { data }] of maps) {
      const [, name, kind, edge] = key.split('/');
      const inner = columnsOf(golden.config, name)!;
      const w = weights.get(name)!;
      const out = w.length / inner;
      const x = Float64Array.from(steps.flatMap((s) => [...s.inputs.get(name)!]));
      const gradients = steps.map((s) => s.grads.get(name)!);
      const byWeight = kind === 'magnitude' || kind === 'activation';
      const all: Record<string, Float64Array> = byWeight
        ? weightScores(w, x, x.length / inner, out, inner, Number(edge))
        : gradientScores(gradients, out, inner, Number(edge));
      expect(all[kind], key).toBeCloseL2(data, bound);
    }
  });

  test('greedy continuations', () => {
    expect(golden.greedy.map((g) => greedy(golden.config, weights, g.prompt, g.new.length))).toEqual(
      golden.greedy.map((g) => g.new),
    );
  });
});
