// What trains is saved as the arenas it lies in: a checkpoint whose values lie in another order is refused, not read as others.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { resident } from '../../src/gpu/tensor.ts';
import { diskStore } from '../../src/io/store-disk.ts';
import { trainedTogether } from '../../src/ops/optimizer/trained.ts';
import { commit } from '../../src/train/checkpoint.ts';
import { layoutOf } from '../../src/train/layout.ts';
import { cutOff, run, tinyPlace } from './inprocess.ts';

const place = tinyPlace();
afterAll(place.free);

test('a layout is of names, places and shapes', async () => {
  const layout = (names: string[], sizes = [4, 4, 8], most = 1 << 20) => {
    const part = (name: string, i: number) => ({
      value: resident(name, [sizes[i], 2], 'trained'),
      grad: resident(`${name}.grad`, [sizes[i], 2], 'gradients'),
    });
    return layoutOf(trainedTogether('all', names.map(part), { decay: true, most }));
  };
  const made = await layout(['a', 'b', 'c']);
  expect(await layout(['a', 'b', 'c'])).toBe(made);
  const others = [layout(['b', 'a', 'c']), layout(['a', 'b', 'c'], [4, 8, 4]), layout(['a', 'b', 'c'], [4, 4, 8], 64)];
  expect(new Set([made, ...(await Promise.all(others))]).size).toBe(4);
});

test.each([
  ['an older version, which told of none', undefined],
  ['another device', 'ab'.repeat(32)],
])('a checkpoint with the layout of %s', async (_, layout) => {
  const words = ['--method', 'dora', '--rank', '3', '--steps', '4', '--lr', '0.01', '--checkpoint-every', '2', '--keep', '9'];
  const { at, train } = place;
  const [out, folder] = [`cut ${layout}`, 'step-00000002'];
  await run(train(`whole ${layout}`, ...words));
  cutOff(at(`whole ${layout}`), at(out), 2);
  const held = (name: string) => readFileSync(join(at(out), 'checkpoints', folder, name));
  const told = JSON.parse(held('run.json').toString());
  expect(told.layout).toMatch(/^[0-9a-f]{64}$/);
  const files = { 'state.safetensors': held('state.safetensors'), 'run.json': JSON.stringify({ ...told, layout }) };
  await commit(diskStore(join(at(out), 'checkpoints')), folder, files);
  const resumed = run(train(out, ...words, '--resume'));
  await expect(resumed).rejects.toThrow(/^expected values in the order .* in step-00000002, got another .* in another --out\.$/);
});
