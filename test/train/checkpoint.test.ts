// What a store keeps: every byte of a checkpoint is held to its sum, an older one is taken where the newest is damaged, writers that were
// killed leave nothing that counts, two runs never share a folder, and a full disk stops saving, not training.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { closeGpu, openGpu } from '../../src/gpu/device.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { read, resident, write } from '../../src/gpu/tensor.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import type { Store } from '../../src/io/store.ts';
import { diskStore } from '../../src/io/store-disk.ts';
import { memoryStore } from '../../src/io/store-memory.ts';
import { clear, commit, listed, newestCheckpoint, restore, sweep, verify } from '../../src/train/checkpoint.ts';
import { keepingIn } from '../../src/train/keeping.ts';
import type { Model } from '../../src/train/model.ts';
import { newCurve } from '../../src/train/record.ts';

const root = mkdtempSync(`${tmpdir()}/blocktune-store-`);
afterAll(() => rmSync(root, { recursive: true }));
let n = 0;
const STORES: [string, () => Store][] = [
  ['memory', () => memoryStore()],
  ['disk', () => diskStore(join(root, String(n++), 'checkpoints'))],
];
const values = (seed: number) => Float32Array.from({ length: 24 }, (_, i) => Math.sin(seed + i));
const files = (step: number) => ({
  'state.safetensors': writeSafetensors([
    { name: 'a', dtype: 'F32', shape: [24], bytes: () => new Uint8Array(values(step).buffer) },
  ]),
  'run.json': `${JSON.stringify({ version: '0', step, choice: null, moved: false, rates: null, kernels: {}, of: OF, curve: newCurve() })}\n`,
});
const HASH = 'ab'.repeat(32);
const OF = { config: HASH, weights: HASH, data: HASH, held: HASH, start: HASH, settings: {} };
const name = (step: number) => `step-${String(step).padStart(8, '0')}`;
const saved = async (store: Store, ...steps: number[]) => {
  for (const step of steps) await commit(store, name(step), files(step));
  return store;
};
const bytesOf = async (store: Store, folder: string, file: string) => {
  const source = (await store.file(folder, file))!;
  const bytes = (await source.read(0, source.size)).slice();
  await source.close();
  return bytes;
};

describe.each(STORES)('in %s', (_, make) => {
  test('the newest is found, newest first', async () => {
    const store = await saved(make(), 3, 1, 20);
    expect(await listed(store)).toEqual([name(20), name(3), name(1)]);
    expect((await newestCheckpoint(store, () => {}))?.step).toBe(20);
    await clear(store);
    expect(await listed(store)).toEqual([]);
    expect(await newestCheckpoint(store, () => {})).toBeUndefined();
  });

  test('an older one where the newest is damaged, and it is said', async () => {
    const store = await saved(make(), 1, 2, 3);
    for (const [step, file] of [
      [3, 'state.safetensors'],
      [2, 'manifest.json'],
    ] as const) {
      const bytes = await bytesOf(store, name(step), file);
      await store.write(name(step), file, bytes.slice(0, -1));
    }
    const said: string[] = [];
    expect((await newestCheckpoint(store, (text) => said.push(text)))?.step).toBe(1);
    expect(said).toHaveLength(2);
    expect(said[0]).toMatch(/step-00000003 does not verify \(expected state.safetensors as it was written, got other bytes\)/);
  });

  test('one that lies where that of another step would is passed over, and it is said', async () => {
    const store = await saved(make(), 1, 2);
    const files = await Promise.all(
      ['state.safetensors', 'run.json'].map(async (file) => [file, await bytesOf(store, name(1), file)]),
    );
    await commit(store, name(9), Object.fromEntries(files));
    const said: string[] = [];
    expect((await newestCheckpoint(store, (text) => said.push(text)))?.step).toBe(2);
    expect(said).toEqual([expect.stringMatching(/step-00000009 does not verify \(expected it to be of the step .*, got 1\)/)]);
  });

  test('a folder without its manifest is none, and is swept', async () => {
    const store = await saved(make(), 1);
    await store.write(name(2), 'state.safetensors', 'half');
    await sweep(store);
    expect(await listed(store)).toEqual([name(1)]);
  });

  test('two runs do not share it; one that has ended makes room', async () => {
    const store = make();
    const release = await store.lock();
    await expect(store.lock()).rejects.toThrow('expected no other run to write into');
    await release();
    await (await store.lock())();
  });
});

test('every single byte of a checkpoint counts: each flip of it is found', async () => {
  const store = memoryStore();
  await saved(store, 1);
  const folder = store.files.get(name(1))!;
  let flips = 0;
  for (const [file, bytes] of folder)
    for (let at = 0; at < bytes.length; at++)
      for (const flip of [1 << (at % 8), 0xff]) {
        const changed = bytes.slice();
        changed[at] ^= flip;
        folder.set(file, changed);
        await expect(verify(store, name(1)), `${file} at ${at}`).rejects.toThrow();
        folder.set(file, bytes);
        flips++;
      }
  expect(flips).toBeGreaterThan(1000);
  await verify(store, name(1));
});

test('files cut short, emptied, removed or exchanged are found', async () => {
  const store = memoryStore();
  await saved(store, 1, 2);
  const [one, two] = [store.files.get(name(1))!, store.files.get(name(2))!];
  for (const [file, bytes] of [...one]) {
    for (const other of [bytes.slice(0, -1), new Uint8Array(), new Uint8Array([...bytes, 0]), undefined, two.get(file)!]) {
      if (other) one.set(file, other);
      else one.delete(file);
      await expect(verify(store, name(1))).rejects.toThrow();
      one.set(file, bytes);
    }
  }
  await verify(store, name(1));
});

test('a write that fails at any place leaves what was there', async () => {
  for (let fails = 0; fails < 5; fails++) {
    let writes = 0;
    const store = memoryStore(() => {
      if (armed && writes++ === fails) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    });
    let armed = false;
    await saved(store, 1);
    armed = true;
    const failed = await commit(store, name(2), files(2)).then(
      () => false,
      () => true,
    );
    expect(await listed(store)).toEqual(failed ? [name(1)] : [name(2), name(1)]);
    expect((await newestCheckpoint(store, () => expect.unreachable('all are sound')))?.step).toBe(failed ? 1 : 2);
  }
});

describe('on disk', () => {
  const folder = () => join(root, String(n++), 'checkpoints');
  const owner = (more: object) => JSON.stringify({ id: 'x', pid: process.pid, host: hostname(), beat: Date.now(), ...more });
  const held = (more: object) => {
    const path = folder();
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'lock'), owner(more));
    return { path, store: diskStore(path) };
  };

  test('what killed writers left half written is swept, and nothing else', async () => {
    const path = folder();
    const store = await saved(diskStore(path), 1);
    writeFileSync(join(path, name(1), 'state.safetensors.partial-0123abcd'), 'x');
    mkdirSync(join(path, 'step-00000002.partial-0123abcd'));
    writeFileSync(join(path, 'notes.txt'), 'mine');
    await sweep(store);
    expect(readdirSync(path).sort()).toEqual(['notes.txt', name(1)]);
    expect(readdirSync(join(path, name(1))).sort()).toEqual(['manifest.json', 'run.json', 'state.safetensors']);
  });

  test.each([
    ['a process that is gone', { pid: 2 ** 22 - 1 }],
    ['a heart that stopped', { host: 'another', beat: Date.now() - 1e6 }],
    ['nothing that can be read', { id: undefined, pid: null, beat: 0 }],
  ])('the lock of %s is taken over', async (_, more) => {
    const { path, store } = held(more);
    const release = await store.lock();
    expect(JSON.parse(readFileSync(join(path, 'lock'), 'utf8')).pid).toBe(process.pid);
    await release();
    expect(existsSync(path)).toBe(false);
  });

  test('a folder in the place of the lock is moved away', async () => {
    const path = folder();
    mkdirSync(join(path, 'lock', 'inside'), { recursive: true });
    const release = await diskStore(path).lock();
    expect(JSON.parse(readFileSync(join(path, 'lock'), 'utf8')).pid).toBe(process.pid);
    await release();
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    ['a process that lives', {}],
    ['another machine', { host: 'another', pid: 2 ** 22 - 1 }],
    ['a page', { pid: null, host: null }],
  ])('the lock of %s is respected', async (_, more) => {
    await expect(held(more).store.lock()).rejects.toThrow(/got one that does: process/);
  });
});

test('no room: it is said, the last checkpoint stays, the run goes on, and saves again once there is room', async () => {
  let full = false;
  const store = memoryStore(() => {
    if (full) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  });
  const said: string[] = [];
  const model = { gpu: { memory: null }, planning: { choices: {} } } as unknown as Model;
  const of = async () => ({ config: '', weights: '', data: '', held: '', start: '', settings: {} });
  const keeping = keepingIn(
    store,
    model,
    { of, curve: newCurve() },
    { every: 1, keep: 2 },
    (line) => 'text' in line && line.text && said.push(line.text),
  );
  const save = async (step: number) => {
    await keeping.save({ step, choice: null, layout: HASH, moved: false, rates: null }, [], new Map());
    await keeping.written();
  };
  await save(1);
  full = true;
  await save(2);
  await save(3);
  expect(await listed(store)).toEqual([name(1)]);
  full = false;
  await save(4);
  expect(await listed(store)).toEqual([name(4), name(1)]);
  expect(said.map((text) => text.slice(0, 62))).toEqual([
    'no room in memory for the checkpoint of step 2: training goes ',
    'no room in memory for the checkpoint of step 3: training goes ',
    'there is room again: the checkpoint of step 4 is saved',
  ]);
  await save(5);
  expect(await listed(store)).toEqual([name(5), name(4)]);
});

test('a run goes on while its checkpoint is written, and what is written is what stood when it was taken', async () => {
  const gpu = await openGpu();
  const t = resident('t', [1000], 'trained');
  const best = new Map([['t', Float32Array.of(1, 2)]]);
  allocate(gpu.scope, t.home!);
  let go = () => {};
  const slow = new Promise<void>((done) => (go = done));
  const store = memoryStore();
  const { write: put } = store;
  store.write = async (...given) => {
    await slow;
    await put(...given);
  };
  const model = { gpu, planning: { choices: {} } } as unknown as Model;
  const of = async () => ({ config: '', weights: '', data: '', held: '', start: '', settings: {} });
  const keeping = keepingIn(store, model, { of, curve: newCurve() }, { every: 1, keep: 2 }, () => {});
  const standing = (step: number) => ({ step, choice: null, layout: HASH, moved: false, rates: null });
  write(gpu.memory, t, new Float32Array(1000).fill(3));
  await keeping.save(standing(1), [t], best);
  // the run goes on
  write(gpu.memory, t, new Float32Array(1000).fill(4));
  best.set('t', Float32Array.of(5, 6));
  expect(await listed(store)).toEqual([]);
  const second = keeping.save(standing(2), [t], best);
  go();
  await second;
  await keeping.written();
  expect(await listed(store)).toEqual([name(2), name(1)]);
  for (const [step, value, kept] of [
    [1, 3, [1, 2]],
    [2, 4, [5, 6]],
  ] as const) {
    await verify(store, name(step));
    const found = { ...standing(step), kernels: {}, of: await of(), curve: newCurve(), name: name(step), store };
    const now = await restore(gpu.memory, [t], new Map([['t', 2]]), HASH, found);
    expect(new Set(await read(gpu.memory, t))).toEqual(new Set([value]));
    expect([...now.get('t')!]).toEqual(kept);
  }
  closeGpu(gpu);
});

test('what could not be written for another reason than room ends the run at the next checkpoint, or its end', async () => {
  const store = memoryStore(() => {
    throw new Error('the disk is broken');
  });
  const model = { gpu: { memory: null }, planning: { choices: {} } } as unknown as Model;
  const of = async () => ({ config: '', weights: '', data: '', held: '', start: '', settings: {} });
  const keeping = keepingIn(store, model, { of, curve: newCurve() }, { every: 1, keep: 2 }, () => {});
  const save = (step: number) => keeping.save({ step, choice: null, layout: HASH, moved: false, rates: null }, [], new Map());
  await save(1);
  await expect(save(2)).rejects.toThrow('the disk is broken');
  await expect(keeping.written()).rejects.toThrow('the disk is broken');
});
