// Answers of beams and of repetition penalties, and choices by log-probability, against transformers' own generate() and log_softmax
// (goldens/tasks/make.py): on a golden of ours and on stories260K, with the kernels of a software adapter and of a GPU.
import { describe, expect, test } from 'vitest';
import type { OnDevice } from '../../src/eval/evaluate.ts';
import { rankAll } from '../../src/eval/rank.ts';
import { sayAll } from '../../src/eval/say.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { free, newScope } from '../../src/gpu/scope.ts';
import { configFromHf } from '../../src/io/config.ts';
import { openModelFiles } from '../../src/io/model.ts';
import { loadModel } from '../../src/train/model.ts';
import { loadGolden } from '../goldens/load.ts';
import golden from '../goldens/tasks/golden.json' with { type: 'json' };
import { gpuWith } from '../gpu/kernels.ts';
import { SHARED, sharedJson } from '../io/shared.ts';
import { decoderOf } from '../models/tiny.ts';

type Name = keyof typeof golden;
const STORIES = `${SHARED}/data/models/stories260K-hf`;
const there = sharedJson('data/models/stories260K-hf/config.json') !== undefined;
const cases: [Name, 'own' | 'tiles'][] = [
  ['llama3', 'own'],
  ['llama3', 'tiles'],
  ['stories260K', 'own'],
];

/** The model on the device, and how to take it off. */
async function loaded(name: Name, kernels: 'own' | 'tiles'): Promise<OnDevice> {
  const gpu = await gpuWith(kernels);
  const planning = planningOf(gpu.limits);
  if (name === 'stories260K') {
    const files = await openModelFiles(STORIES);
    return loadModel(gpu, { files, tokenizer: null as never }, { longest: 400, planning });
  }
  const { files, weights } = await loadGolden(name);
  const config = configFromHf(JSON.parse(new TextDecoder().decode(files['config.json'])));
  const decoder = decoderOf(gpu, config, (w) => weights.get(w.name)!.data as Float32Array<ArrayBuffer>, 100);
  return { gpu, decoder, planning, scope: newScope(gpu.scope) };
}

async function all<T>(made: AsyncGenerator<T>): Promise<T[]> {
  const got: T[] = [];
  for await (const one of made) got.push(one);
  return got;
}

describe.each(cases)('%s, kernels: %s', (name, kernels) => {
  const { searches, asks, eos, new: maxNewTokens } = golden[name];

  test.skipIf(name === 'stories260K' && !there).each(searches)(
    '$beams beams, penalty $penalty',
    async ({ beams, penalty, rows }) => {
      expect(rows.length).toBeGreaterThan(1);
      const on = await loaded(name, kernels);
      const before = on.gpu.memory.bytes;
      const prompts = rows.map(({ prompt }) => prompt);
      const o = { maxNewTokens, eos, beams, repetitionPenalty: penalty };
      expect(await all(sayAll(on, prompts, o, () => {}))).toEqual(rows.map(({ ids }) => ids));
      expect(on.gpu.memory.bytes).toBe(before);
      free(on.scope);
    },
  );

  test.skipIf(name === 'stories260K' && !there)('log-probabilities of choices', async () => {
    const on = await loaded(name, kernels);
    for (const batch of [undefined, 1]) {
      const got = await all(rankAll(on, asks, { batch }, () => {}));
      expect(got).toHaveLength(asks.length);
      got.forEach((found, i) => found.forEach((x, way) => expect(Math.abs(x - asks[i].logprobs[way])).toBeLessThan(1e-4)));
    }
    free(on.scope);
  });
});
