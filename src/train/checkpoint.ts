// Checkpoints of a run: what trains, its moments, and where the run stood, such that a resumed run has the bits of one never stopped.
// A folder is written aside and renamed; its manifest holds SHA-256 sums, and the newest folder that verifies is resumed.

import type { Choices } from '../gpu/limits.ts';
import type { Memory } from '../gpu/scope.ts';
import { read, type Tensor, write } from '../gpu/tensor.ts';
import { diskFolder, type Folder, readText } from '../io/bytes.ts';
import { sha256 } from '../io/hash.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { removeFolder, writeFolder } from '../io/write.ts';
import { version } from '../version.ts';
import type { Identity } from './identity.ts';
import type { Model } from './model.ts';
import type { Keeping, Standing } from './session.ts';

/** Enough, with the tensors, to go on. */
export interface Checkpoint extends Standing {
  /** Kernel variants, by class of shapes: they sum in different orders. */
  kernels: Choices;
  /** What the run is of: it goes on only with the same. */
  of: Identity;
}

export interface Found extends Checkpoint {
  name: string;
  folder: Folder;
}

const STATE = 'state.safetensors';
const RUN = 'run.json';
const MANIFEST = 'manifest.json';
/** The folder under `--out`. */
export const CHECKPOINTS = 'checkpoints';

/** Writes a checkpoint of device tensors, one at a time, and of the best values so far; removes all but the newest `keep`. */
async function saveCheckpoint(
  out: string,
  memory: Memory,
  tensors: Tensor[],
  best: Map<string, Float32Array<ArrayBuffer>>,
  at: Checkpoint,
  keep: number,
): Promise<void> {
  const sums: Record<string, string> = {};
  const entry = (name: string, values: () => Promise<Float32Array<ArrayBuffer>>, size: number) => ({
    name,
    dtype: 'F32',
    shape: [size],
    async bytes() {
      const all = await values();
      sums[name] = await sha256(all);
      return new Uint8Array(all.buffer, 0, all.byteLength);
    },
  });
  const state = [
    ...tensors.map((t) => entry(t.name, () => read(memory, t), sizeOf(t))),
    ...[...best].map(([name, values]) => entry(bestOf(name), async () => values, values.length)),
  ];
  const run = new TextEncoder().encode(`${JSON.stringify({ version, ...at })}\n`);
  sums[RUN] = await sha256(run);
  // files are written in this order, so the sums are complete when the manifest's turn comes
  const manifest = async function* () {
    yield new TextEncoder().encode(`${JSON.stringify(sums)}\n`);
  };
  const root = `${out}/${CHECKPOINTS}`;
  const files = [
    { name: STATE, chunks: writeSafetensors(state) },
    { name: RUN, chunks: run },
    { name: MANIFEST, chunks: manifest() },
  ];
  await writeFolder(`${root}/${nameOf(at.step)}`, files, { force: true, alone: true });
  for (const old of (await listed(root)).slice(keep)) await removeFolder(`${root}/${old}`);
}

/** The newest checkpoint that verifies; `skipped` hears of those that do not. Undefined where there is none. */
export async function newestCheckpoint(out: string, skipped: (text: string) => void): Promise<Found | undefined> {
  const root = `${out}/${CHECKPOINTS}`;
  for (const name of await listed(root)) {
    try {
      return await readCheckpoint(diskFolder(`${root}/${name}`), name);
    } catch (e) {
      skipped(`the checkpoint ${name} does not verify (${(e as Error).message}): an older one is looked for`);
    }
  }
  return undefined;
}

/** Writes the saved values into allocated tensors, and answers the best values of those named that have some. */
async function restore(memory: Memory, tensors: Tensor[], best: Map<string, number>, found: Found) {
  return opened(found.folder, async (stored) => {
    const value = async (key: string, size: number) => {
      const values = await stored.get(key)?.();
      if (values?.length === size) return values;
      throw new Error(`expected ${key} in ${found.name}, got ${values ? 'another shape' : 'none'}: start anew in another --out.`);
    };
    for (const t of tensors) write(memory, t, await value(t.name, sizeOf(t)));
    const kept = new Map<string, Float32Array<ArrayBuffer>>();
    for (const [name, size] of best) if (stored.has(bestOf(name))) kept.set(name, await value(bestOf(name), size));
    return kept;
  });
}

/** Checkpoints of a run under `out`: every so many steps, and from where `found` stood. */
export function keepingIn(
  out: string,
  { gpu: { memory }, planning: { choices: kernels } }: Model,
  of: Identity,
  every: number,
  keep: number,
  found?: Found,
): Keeping {
  return {
    every,
    from: found?.step ?? 0,
    stopping: found?.stopping,
    rates: found?.rates,
    save: (at, tensors, best) => saveCheckpoint(out, memory, tensors, best, { ...at, kernels, of }, keep),
    restore: async (tensors, best) => (found ? restore(memory, tensors, best, found) : new Map()),
  };
}

async function readCheckpoint(folder: Folder, name: string): Promise<Found> {
  const sums = JSON.parse(await textOf(folder, MANIFEST)) as Record<string, string>;
  const run = await textOf(folder, RUN);
  if ((await sha256(new TextEncoder().encode(run))) !== sums[RUN]) throw new Error(`${RUN} is not what was written`);
  await opened(folder, async (stored) => {
    for (const key of Object.keys(sums)) {
      if (key === RUN) continue;
      const values = await stored.get(key)?.();
      if (!values || (await sha256(values)) !== sums[key]) throw new Error(`${key} is not what was written`);
    }
  });
  return { ...(JSON.parse(run) as Checkpoint), name, folder };
}

async function textOf(folder: Folder, name: string): Promise<string> {
  const source = await folder.file(name);
  if (!source) throw new Error(`no ${name}`);
  try {
    return await readText(source);
  } finally {
    await source.close();
  }
}

/** The tensors of a checkpoint, each read when it is asked for. */
async function opened<T>(
  folder: Folder,
  use: (stored: Map<string, () => Promise<Float32Array<ArrayBuffer>>>) => Promise<T>,
): Promise<T> {
  const source = await folder.file(STATE);
  if (!source) throw new Error(`no ${STATE}`);
  try {
    const { tensors } = await readSafetensors(source);
    const load = [...tensors].map(
      ([key, t]) => [key, async () => new Float32Array((await source.read(t.offset, t.bytes)).slice().buffer)] as const,
    );
    return await use(new Map(load));
  } finally {
    await source.close();
  }
}

const sizeOf = (t: Tensor) => t.shape.reduce((a, b) => a * b, 1);
const bestOf = (name: string) => `best.${name}`;
const nameOf = (step: number) => `step-${String(step).padStart(8, '0')}`;

/** Checkpoints under a folder, newest first. */
async function listed(root: string): Promise<string[]> {
  const names =
    (await diskFolder(root)
      .list()
      .catch(() => [])) ?? [];
  return names
    .filter((n) => /^step-\d{8}$/.test(n))
    .sort()
    .reverse();
}
