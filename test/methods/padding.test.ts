// Full fine-tuning of models that name a pad_token_id, against PyTorch's own curves: that token's row of the embedding has no gradient
// as an input, and where the head is tied to it, the head's alone. test/goldens/make_padding.py makes them.
import { afterAll, describe, expect, test } from 'vitest';
import { full } from '../../src/methods/full.ts';
import '../compare.ts';
import { writeModel } from '../cli/tiny.ts';
import type { Curve } from '../goldens/load.ts';
import golden from '../goldens/padding.json' with { type: 'json' };
import { run as command, tinyPlace, weightsOf } from '../train/inprocess.ts';
import { goldenRun, run } from './running.ts';

const place = tinyPlace();
afterAll(place.free);

describe.each(['llama3', 'qwen2'] as const)('%s', (family) => {
  test('ten steps, the id in the middle of rows', async () => {
    const { pad_token_id: padding, ...want } = golden[family];
    const { decoder, rows, batch } = await goldenRun(family);
    const settings = want as unknown as Curve;
    const got = await run(decoder(), full(), rows, want.loss.length, { batch, settings, padding });
    expect(got.loss).toBeCloseL2(want.loss, 1e-5);
    expect(got.grad_norm).toBeCloseL2(want.grad_norm, 1e-5);
    expect(got.after).toBeCloseL2(want.eval, 1e-5);
  });
});

test.each([
  ['full', []],
  ['smt', ['--warmup', 'full', '--warmup-steps', '1', '--budget', '1b', '--block', '8']],
])('%s by the command line leaves that row of an untied embedding as it was', async (method, more) => {
  const words = ['--data', place.at('rows.jsonl'), '--method', method, '--steps', '1', '--lr', '0.01', '--tune', 'off'];
  const name = 'model.embed_tokens.weight';
  /** Ids whose rows of the embedding move, where `pad_token_id` is so. */
  const moved = async (pad_token_id: number | null) => {
    const model = writeModel(place.at(`${method}-${pad_token_id}`), { tie_word_embeddings: false, pad_token_id });
    const out = `${model}-out`;
    await command(['train', '--model', model, '--out', out, ...words, ...more]);
    const [before, after] = [(await weightsOf(model)).get(name)!, (await weightsOf(out)).get(name)!];
    return [...new Set([...after.keys()].filter((i) => after[i] !== before[i]).map((i) => Math.floor(i / 32)))];
  };
  const all = await moved(null);
  const pad = all[all.length >> 1];
  expect(await moved(pad)).toEqual(all.filter((id) => id !== pad));
});
