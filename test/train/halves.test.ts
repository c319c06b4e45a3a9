// Products in halves, as they are asked for: every method trains by them what it trains in single precision, on software adapters too.
import { afterAll, expect, test } from 'vitest';
import '../compare.ts';
import { keepDevice } from '../gpu/kept.ts';
import { of, run, tinyPlace } from './inprocess.ts';

keepDevice();
const place = tinyPlace();
const { train } = place;
afterAll(place.free);

const BLOCKS = ['--targets', 'all', '--budget', '50%t', '--block', '8'];
test.each<[method: string, words: string[]]>([
  ['smt', [...BLOCKS, '--warmup-steps', '2']],
  ['smt', [...BLOCKS, '--select', 'random', '--optimizer', 'adamw']],
  ['smt+lora', [...BLOCKS, '--warmup-steps', '2']],
  ['lora', ['--targets', 'all', '--rank', '4']],
  ['dora', ['--targets', 'all', '--rank', '4']],
  ['full', []],
])('%s %j', async (method, words) => {
  const losses = async (arithmetic: string) => {
    const how = ['--method', method, ...words, '--steps', '4', '--batch', '4', '--lr', '0.003', '--arithmetic', arithmetic];
    return of(await run(train(`${method}-${words.length}-${arithmetic}`, ...how)), 'step').map(({ loss }) => loss);
  };
  const [halves, singles] = [await losses('f16'), await losses('f32')];
  expect(halves).toHaveLength(4);
  expect(halves).toBeCloseL2(singles, 2e-3);
  expect(halves).not.toEqual(singles);
});
