// A run that is watched: its scores and how far its blocks have moved are told meanwhile, and its bits are those of one that is not.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeModel, loadModel, type Model, openData, openGpu, openModel, smt, tune } from '../../src/index.ts';
import { type BlockScores, closeGpu } from '../../src/parts.ts';
import type { Line } from '../../src/report.ts';
import { tinyPlace } from './inprocess.ts';

const place = tinyPlace();
const settings = { method: smt({ budget: '10b', warmupSteps: 2 }), steps: 12, lr: 1e-3, autotune: false };
let model: Model;
let rows: Awaited<ReturnType<typeof openData>>;

beforeAll(async () => {
  const opened = await openModel(place.at('model'));
  rows = await openData(opened, place.at('rows.jsonl'));
  model = await loadModel(await openGpu(), opened, {});
});
afterAll(() => {
  closeGpu(model.gpu);
  place.free();
});

async function run(watched: boolean) {
  const fresh = await loadModel(model.gpu, model, {});
  const lines: Line[] = [];
  const meanwhile: { line: Line; after: number }[] = [];
  let scores: BlockScores | null = null;
  let asked = 0;
  const hold = () => (++asked === 7 ? new Promise<void>((go) => setTimeout(go, 300)) : undefined); // so small a model is read too late
  const listen = watched && {
    hold,
    scored: (found: BlockScores) => {
      scores = found;
    },
    meanwhile: (line: Line) => meanwhile.push({ line, after: lines.filter(({ kind }) => kind === 'step').length }),
  };
  await tune(fresh, rows, { ...settings, ...listen }, (line) => lines.push(line));
  freeModel(fresh);
  const of = <K extends Line['kind']>(kind: K) => lines.filter((l): l is Extract<Line, { kind: K }> => l.kind === kind);
  return { of, meanwhile, scores: scores as BlockScores | null };
}

test('is told what it chose by and how far it came, to the same bits', async () => {
  const [plain, seen] = [await run(false), await run(true)];
  expect(seen.of('step').map((l) => [l.loss, l.grad_norm])).toEqual(plain.of('step').map((l) => [l.loss, l.grad_norm]));
  expect(seen.of('blocks_update')).toEqual(plain.of('blocks_update'));
  expect(plain.meanwhile).toEqual([]);

  const [{ blocks, block }] = seen.of('selection');
  const { maps } = seen.scores!;
  expect(seen.scores!.block).toBe(block);
  for (const { layer, module, row, col, score } of blocks) {
    const map = maps.get(`model.layers.${layer}.self_attn.${module}.weight`)!;
    const across = 32 / block; // inputs of q, k and v are as wide as the hidden state
    expect(map[row * across + col]).toBe(score);
  }

  expect(seen.meanwhile.length).toBeGreaterThan(0);
  const [first] = seen.meanwhile;
  expect(first.after).toBeLessThanOrEqual(6);
  const [end] = seen.of('blocks_update');
  if (first.line.kind !== 'blocks_update') throw new Error(first.line.kind);
  expect(first.line.blocks.map(({ share: _, ...at }) => at)).toEqual(end.blocks.map(({ share: _, ...at }) => at));
  expect(first.line.norm).toBeGreaterThan(0);
  expect(first.line.norm).toBeLessThan(end.norm);
});
