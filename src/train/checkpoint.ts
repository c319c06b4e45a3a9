// Checkpoints of a run: what trains, its moments, and where the run stood, such that a resumed run has the bits of one never stopped.
// A checkpoint is a folder of a store; its manifest, written last, holds the SHA-256 sums of every byte, and the newest folder that
// verifies is resumed.

import * as v from 'valibot';
import type { Choices } from '../gpu/limits.ts';
import type { Memory } from '../gpu/scope.ts';
import { elementsOf, read, snapshot, type Tensor, write } from '../gpu/tensor.ts';
import { readJson, readText, type Source } from '../io/bytes.ts';
import { partsOf, pieced, sha256, streamHash, streamHasher } from '../io/hash.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { fitting, whole } from '../io/schema.ts';
import { type Chunks, piecesOf, type Store } from '../io/store.ts';
import { setting } from '../setting.ts';
import { version } from '../version.ts';
import type { Identity } from './identity.ts';
import { type Curve, RECORDED } from './record.ts';
import type { Standing } from './session.ts';

/** Enough, with the tensors, to go on. */
export interface Checkpoint extends Standing {
  /** Kernel variants, by class of shapes: they sum in different orders. */
  kernels: Choices;
  /** What the run is of: it goes on only with the same. */
  of: Identity;
  /** All that the run has told. */
  curve: Curve;
}

export interface Found extends Checkpoint {
  name: string;
  store: Store;
}

const STATE = 'state.safetensors';
const RUN = 'run.json';
const MANIFEST = 'manifest.json';
/** The folder under a run's `out`. */
export const CHECKPOINTS = 'checkpoints';

/** Values of a tensor on the device, there already or as soon as they are asked for. */
export interface Value {
  name: string;
  size: number;
  values(): Promise<Float32Array<ArrayBuffer>>;
}

/** Values that are read as they are written, one tensor at a time: the device must stand still meanwhile. */
export const asWritten = (memory: Memory, tensors: readonly Tensor[]): Value[] =>
  tensors.map((t) => ({ name: t.name, size: elementsOf(t.shape), values: () => read(memory, t) }));

/** Values as they stand now, on their way: once this resolves the device may go on. `landed`: none of them is on it any more. */
export async function asOfNow(memory: Memory, tensors: readonly Tensor[]): Promise<{ held: Value[]; landed: Promise<unknown> }> {
  const { values, landed } = await snapshot(memory, tensors);
  return { held: tensors.map((t, i) => ({ name: t.name, size: elementsOf(t.shape), values: () => values[i] })), landed };
}

/** Writes a checkpoint of what the device holds, and of the best values so far; removes all but the newest `keep`. */
export async function saveCheckpoint(
  store: Store,
  held: readonly Value[],
  best: Map<string, Float32Array<ArrayBuffer>>,
  at: Checkpoint,
  keep: number,
): Promise<void> {
  const entry = ({ name, size, values }: Value) => ({
    name,
    dtype: 'F32',
    shape: [size],
    async bytes() {
      const all = await values();
      return new Uint8Array(all.buffer, all.byteOffset, all.byteLength);
    },
  });
  const kept = [...best].map(([name, all]) => ({ name: bestOf(name), size: all.length, values: async () => all }));
  const state = [...held, ...kept].map(entry);
  await commit(store, nameOf(at.step), { [STATE]: writeSafetensors(state), [RUN]: `${JSON.stringify({ version, ...at })}\n` });
  for (const old of (await listed(store)).slice(keep)) await store.remove(old);
}

/** Writes files into a folder, and then the manifest that makes it count. */
export async function commit(store: Store, folder: string, files: Record<string, Chunks>): Promise<void> {
  const sums: Record<string, { bytes: number; sha256: string }> = {};
  // a checkpoint of the same step goes before its files are written over: it would not verify while they are
  await store.remove(folder);
  try {
    for (const [name, chunks] of Object.entries(files)) {
      const hash = streamHasher();
      let bytes = 0;
      const through = async function* () {
        for await (const piece of pieced(piecesOf(chunks))) {
          const added = hash.add(piece);
          bytes += piece.length;
          yield piece; // it is written while it is hashed
          await added;
        }
      };
      await store.write(folder, name, through());
      sums[name] = { bytes, sha256: await hash.sum() };
    }
    const text = JSON.stringify(sums);
    await store.write(folder, MANIFEST, `${text}\n${await sha256(new TextEncoder().encode(text))}\n`);
  } catch (e) {
    await store.remove(folder).catch(() => {});
    throw e;
  }
}

/** The newest checkpoint that verifies; `skipped` hears of those that do not. Undefined where there is none. */
export async function newestCheckpoint(store: Store, skipped: (text: string) => void): Promise<Found | undefined> {
  for (const name of await listed(store)) {
    try {
      await verify(store, name);
      const found = runIn(await use(store, name, RUN, readJson));
      if (nameOf(found.step) !== name) throw new Error(`expected it to be of the step that it is called by, got ${found.step}`);
      return { ...found, name, store };
    } catch (e) {
      skipped(`the checkpoint ${name} does not verify (${(e as Error).message}): an older one is looked for`);
    }
  }
  return undefined;
}

const { hash, curve, rates, kernels, settings } = RECORDED;
const SCHEMA = v.object({
  version: v.string(),
  step: whole(0),
  choice: v.unknown(),
  layout: v.optional(v.union([v.literal(''), hash]), ''), // none in those of before it was kept
  moved: v.boolean(),
  stopping: v.optional(v.object({ best: v.nullable(v.number()), worse: whole(0), last: v.pipe(v.number(), v.safeInteger()) })),
  rates,
  skips: v.optional(v.object({ row: whole(0), all: whole(0) })),
  kernels,
  of: v.object({ config: hash, weights: hash, data: hash, held: hash, start: hash, settings }),
  curve,
});

/** Where a run stood, from the JSON of a checkpoint; errors name the field. */
export const runIn = (json: unknown): Checkpoint => fitting(SCHEMA, json, RUN) as Checkpoint;

/** Throws unless every byte of a folder's files is what its manifest says, and the manifest what was written. */
export async function verify(store: Store, folder: string): Promise<void> {
  const [text, sum, end] = (await use(store, folder, MANIFEST, readText)).split('\n');
  if (sum !== (await sha256(new TextEncoder().encode(text))) || end !== '')
    throw new Error(`expected ${MANIFEST} as it was written, got other bytes`);
  for (const [name, { bytes, sha256: written }] of Object.entries(
    JSON.parse(text) as Record<string, { bytes: number; sha256: string }>,
  ))
    await use(store, folder, name, async (source) => {
      if (source.size !== bytes || (await streamHash(partsOf(source))) !== written)
        throw new Error(`expected ${name} as it was written, got other bytes`);
    });
}

/** Writes the saved values into allocated tensors of the same layout, and answers the best values of those named that have some. */
export async function restore(
  memory: Memory,
  tensors: Tensor[],
  best: Map<string, number>,
  layout: string,
  { store, name: folder, ...was }: Found,
) {
  if (was.layout !== layout)
    throw new Error(
      `expected values in the order of this version on this device in ${folder}, got another order: they were saved by another version of ` +
        `blocktune, or on a device with other limits. Go on with that one, or start anew in another ${setting('out')}.`,
    );
  return use(store, folder, STATE, async (source) => {
    const stored = (await readSafetensors(source)).tensors;
    const value = async (key: string, size: number) => {
      const t = stored.get(key);
      if (t?.bytes === 4 * size) return new Float32Array((await source.read(t.offset, t.bytes)).slice().buffer);
      throw new Error(`expected ${key} in ${folder}, got ${t ? 'another shape' : 'none'}: start anew in another folder.`);
    };
    for (const t of tensors) write(memory, t, await value(t.name, elementsOf(t.shape)));
    const kept = new Map<string, Float32Array<ArrayBuffer>>();
    for (const [name, size] of best) if (stored.has(bestOf(name))) kept.set(name, await value(bestOf(name), size));
    return kept;
  });
}

/** Removes what killed writers left: files half written, and folders without a manifest. The lock's owner alone may. */
export async function sweep(store: Store): Promise<void> {
  await store.sweep();
  for (const name of await listed(store)) {
    const manifest = await store.file(name, MANIFEST);
    if (manifest) await manifest.close();
    else await store.remove(name);
  }
}

/** Removes every checkpoint: for a run that begins anew. */
export async function clear(store: Store): Promise<void> {
  for (const name of await listed(store)) await store.remove(name);
}

/** Checkpoints of a store, newest first. */
export async function listed(store: Store): Promise<string[]> {
  return (await store.folders())
    .filter((n) => /^step-\d{8}$/.test(n))
    .sort()
    .reverse();
}

async function use<T>(store: Store, folder: string, name: string, f: (source: Source) => Promise<T>): Promise<T> {
  const source = await store.file(folder, name);
  if (!source) throw new Error(`no ${name}`);
  try {
    return await f(source);
  } finally {
    await source.close();
  }
}

const bestOf = (name: string) => `best.${name}`;
const nameOf = (step: number) => `step-${String(step).padStart(8, '0')}`;
