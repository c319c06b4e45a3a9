// A run that is held between two steps: nothing happens meanwhile, the bits are those of a run that was not, and the time does not count.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freeModel, full, loadModel, type Model, openData, openGpu, openModel, tune } from '../../src/index.ts';
import { closeGpu } from '../../src/parts.ts';
import type { Line } from '../../src/report.ts';
import { tinyPlace } from './inprocess.ts';

const HELD_MS = 400;
const place = tinyPlace();
const settings = { method: full(), steps: 6, lr: 1e-3, autotune: false };
let model: Model;
let rows: Awaited<ReturnType<typeof openData>>;

beforeAll(async () => {
  const opened = await openModel(place.at('model'));
  rows = await openData(opened, place.at('rows.jsonl'));
  model = await loadModel(await openGpu(), opened, { base: 'f32' });
});
afterAll(() => {
  closeGpu(model.gpu);
  place.free();
});

async function run(hold?: () => Promise<void> | undefined, signal?: AbortSignal) {
  const fresh = await loadModel(model.gpu, model, { base: 'f32' });
  const steps: { line: Extract<Line, { kind: 'step' }>; at: number }[] = [];
  const report = (line: Line) => line.kind === 'step' && steps.push({ line, at: performance.now() });
  const tuned = await tune(fresh, rows, { ...settings, hold }, report, signal);
  freeModel(fresh);
  return { steps, tuned };
}
const losses = ({ steps }: Awaited<ReturnType<typeof run>>) => steps.map(({ line }) => line.loss);

test('goes on as if nothing had been', async () => {
  let asked = 0;
  let began = 0;
  const held = await run(() => {
    if (++asked !== 4) return undefined;
    began = performance.now();
    return new Promise((done) => setTimeout(done, HELD_MS));
  });
  const free = await run();
  expect(asked).toBe(6);
  expect(losses(held)).toEqual(losses(free));
  // all that ran before has been told, and what comes after it comes after the hold
  expect(held.steps.filter(({ at }) => at < began + HELD_MS / 2).map(({ line }) => line.step)).toEqual([1, 2, 3]);
  expect(held.steps[3].at).toBeGreaterThan(began + HELD_MS - 5);
  expect(held.steps[3].line.ms).toBeLessThan(held.steps[3].at - began - HELD_MS + 5);
  expect(held.tuned.seconds * 1000).toBeCloseTo(
    held.steps.reduce((sum, { line }) => sum + line.ms, 0),
    3,
  );
});

test('stops at the signal while it is held', async () => {
  const stop = new AbortController();
  let asked = 0;
  const { steps, tuned } = await run(() => {
    if (++asked !== 3) return undefined;
    stop.abort();
    return Promise.resolve();
  }, stop.signal);
  expect([steps.length, tuned.steps]).toEqual([2, 2]);
});
