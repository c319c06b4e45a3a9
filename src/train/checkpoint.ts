// Checkpoints of a run: what trains, its moments, and where the run stood, such that a resumed run has the bits of one never stopped.
// A folder is written aside and renamed; its manifest holds SHA-256 sums, and the newest folder that verifies is resumed.

import type { Row } from '../data/rows.ts';
import type { Choices } from '../gpu/limits.ts';
import { elementsOf, read, type Tensor, write } from '../gpu/tensor.ts';
import { diskFolder, type Folder, readText } from '../io/bytes.ts';
import { sha256 } from '../io/hash.ts';
import { readSafetensors, writeSafetensors } from '../io/safetensors.ts';
import { removeFolder, writeFolder } from '../io/write.ts';
import type { Selection } from '../methods/smt/select.ts';
import { version } from '../version.ts';
import type { Model } from './model.ts';
import type { TuneOptions } from './options.ts';
import type { Keeping } from './session.ts';

/** Where a run stood: enough, with the tensors, to go on. */
export interface Standing {
  /** Optimizer steps attempted: also the place in the data. */
  step: number;
  selection: Selection | null;
  /** Kernel variants, by class of shapes: they sum in different orders. */
  kernels: Choices;
  /** Hashes of the model, the rows and the settings: a run goes on only with the same. */
  of: Record<'model' | 'data' | 'settings', string>;
}

export interface Found extends Standing {
  name: string;
  folder: Folder;
}

const STATE = 'state.safetensors';
const RUN = 'run.json';
const MANIFEST = 'manifest.json';
/** The folder under `--out`. */
export const CHECKPOINTS = 'checkpoints';

/** Writes a checkpoint of the named tensors, one at a time, and removes all but the newest `keep`. */
export async function saveCheckpoint(
  out: string,
  { gpu }: Model,
  tensors: Tensor[],
  standing: Standing,
  keep: number,
): Promise<void> {
  const sums: Record<string, string> = {};
  const state = tensors.map((t) => ({
    name: t.name,
    dtype: 'F32',
    shape: [elementsOf(t.shape)],
    async bytes() {
      const values = await read(gpu.memory, t);
      sums[t.name] = await sha256(values);
      return new Uint8Array(values.buffer, 0, values.byteLength);
    },
  }));
  const run = new TextEncoder().encode(`${JSON.stringify({ version, ...standing })}\n`);
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
  await writeFolder(`${root}/${nameOf(standing.step)}`, files, { force: true });
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

/** Throws where a run with other data, settings or model would go on from this checkpoint. */
export function mustBeSame(found: Found, of: Standing['of']): void {
  const other = (Object.keys(of) as (keyof typeof of)[]).filter((k) => found.of[k] !== of[k]);
  if (other.length)
    throw new Error(
      `expected the ${other.join(' and ')} that ${found.name} was made with, got other ones: resume with the same command, or start anew in another --out.`,
    );
}

/** Writes the saved values into allocated tensors. */
export async function restore({ gpu }: Model, tensors: Tensor[], found: Found): Promise<void> {
  await opened(found.folder, async (stored) => {
    for (const t of tensors) {
      const values = stored.has(t.name) ? await stored.get(t.name)!() : undefined;
      if (values?.length !== elementsOf(t.shape))
        throw new Error(
          `expected ${t.name} in ${found.name}, got ${values ? 'another shape' : 'none'}: start anew in another --out.`,
        );
      write(gpu.memory, t, values);
    }
  });
}

/** Checkpoints of a run under `out`: every so many steps, and from where `found` stood. */
export function keepingIn(
  out: string,
  model: Model,
  of: Standing['of'],
  every: number,
  keep: number,
  kernels: Standing['kernels'],
  found?: Found,
): Keeping {
  return {
    every,
    from: found?.step ?? 0,
    save: (step, tensors, selection) => saveCheckpoint(out, model, tensors, { step, selection, kernels, of }, keep),
    restore: async (tensors) => {
      if (found) await restore(model, tensors, found);
    },
  };
}

/** Hashes that tell runs apart: the model's tensors and config, the rows, and the settings that decide figures. */
export async function identityOf(
  { files }: Model,
  rows: Row[],
  { adapter: _, selection: __, ...settings }: TuneOptions,
): Promise<Standing['of']> {
  const words = (value: unknown) => sha256(new TextEncoder().encode(JSON.stringify(value)));
  const tensors = [];
  for (const t of files.tensors.values()) tensors.push([t.name, t.shape, t.format, await sha256(await t.rows(0, 1))]);
  return {
    model: await words([files.config.raw, tensors]),
    data: await words(rows.map((r) => [Array.from(r.ids), Array.from(r.labels)])),
    settings: await words(settings),
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
  return { ...(JSON.parse(run) as Standing), name, folder };
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
