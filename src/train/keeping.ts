// How a run is kept while it goes: when a checkpoint is due, what becomes of one that finds no room, whose folder it is.

import type { Tensor } from '../gpu/tensor.ts';
import { isFull, type Store } from '../io/store.ts';
import { diskStore } from '../io/store-disk.ts';
import type { Report } from '../report.ts';
import {
  asOfNow,
  asWritten,
  CHECKPOINTS,
  clear,
  type Found,
  listed,
  newestCheckpoint,
  restore,
  saveCheckpoint,
  sweep,
  type Value,
} from './checkpoint.ts';
import type { Identity } from './identity.ts';
import type { Model } from './model.ts';
import { type Curve, copyOf } from './record.ts';
import type { Keeping, Standing } from './session.ts';

/** Where, how often and how many checkpoints of a run are kept, and whether it goes on from one. */
export interface CheckpointOptions {
  /** A path, whose subfolder `checkpoints` they are in, or a store. */
  folder: string | Store;
  /** Steps between them; once a minute where absent; 0 is none. */
  every?: number;
  /** How many stay. */
  keep: number;
  /** Go on from the newest sound one. */
  resume: boolean;
  /** Begin anew where there are some, and remove them. */
  anew?: boolean;
  /** Bytes of a checkpoint beyond which none is kept. */
  most?: number;
}

/** Between checkpoints where no steps are given. */
const MINUTE_MS = 60_000;
/** Bytes of a checkpoint that the host holds while it is written; of a larger one it holds a tensor at a time, and the run waits. */
const BESIDE = 2 ** 30;

/** A store that is this run's alone until `release`, swept, and the checkpoint that it goes on from. */
export async function openCheckpoints(c: CheckpointOptions, report: Report) {
  const warn = (text: string) => report({ kind: 'warning', text });
  const store = typeof c.folder === 'string' ? diskStore(`${c.folder}/${CHECKPOINTS}`) : c.folder;
  const release = await store.lock();
  try {
    await sweep(store);
    const found = c.resume ? await newestCheckpoint(store, warn) : undefined;
    if (c.resume && !found) warn(`no checkpoint in ${store.name}: the run starts from its beginning`);
    const [newest] = await listed(store);
    if (!c.resume && newest && !c.anew)
      throw new Error(
        `expected no checkpoints in ${store.name}, got ${newest} of another run: resume it, take another folder, or force a new run over it`,
      );
    if (!c.resume && newest) await clear(store);
    return { store, found, release };
  } catch (e) {
    await release();
    throw e;
  }
}

/** Keeps a run in a store, from where `found` stood. `of` is asked for with the first checkpoint: it reads all of the model. curve: what the run tells. */
export function keepingIn(
  store: Store,
  { gpu: { memory }, planning }: Model,
  { of, curve }: { of: () => Promise<Identity>; curve: Curve },
  { every, keep, most = Number.POSITIVE_INFINITY }: Pick<CheckpointOptions, 'every' | 'keep' | 'most'>,
  report: Report,
  found?: Found,
): Keeping {
  let last = performance.now();
  let saved = found?.step ?? -1;
  let full = false;
  /** The checkpoint that is being written, and what became of one that could not be. */
  let writing: Promise<void> | null = null;
  let fault: unknown = null;
  /** What of it is still on the device. */
  let reading: Promise<unknown> | null = null;
  const due = (step: number) =>
    every === undefined ? !writing && performance.now() - last >= MINUTE_MS : every > 0 && step % every === 0;
  const written = async () => {
    await writing;
    if (fault) throw fault;
  };
  const write = async (at: Standing & { curve: Curve }, held: Value[], best: Map<string, Float32Array<ArrayBuffer>>) => {
    try {
      await saveCheckpoint(store, held, best, { ...at, kernels: planning.choices, of: await of() }, keep);
      if (full) report({ kind: 'note', text: `there is room again: the checkpoint of step ${at.step} is saved` });
      full = false;
    } catch (e) {
      saved = -1;
      if (!isFull(e)) throw e;
      const [newest] = await listed(store).catch(() => []);
      const stays = newest ? `${newest} stays` : 'there is none yet';
      report({
        kind: 'warning',
        text: `no room in ${store.name} for the checkpoint of step ${at.step}: training goes on, saving is tried again later, ${stays}. Make room.`,
      });
      full = true;
    }
  };
  return {
    due,
    from: found?.step ?? 0,
    stopping: found?.stopping,
    rates: found?.rates,
    skips: found?.skips,
    written,
    landed: async () => void (await reading),
    async save(at, tensors, best) {
      const bytes = bytesOf(tensors, best);
      if (every === 0 || at.step === saved || bytes > most) return;
      await written();
      last = performance.now();
      saved = at.step;
      const beside = bytes <= BESIDE;
      const { held, landed } = beside ? await asOfNow(memory, tensors) : { held: asWritten(memory, tensors), landed: null };
      reading = landed;
      // what goes on changing is taken as it stands
      writing = write({ ...at, curve: copyOf(curve) }, held, new Map(best)).then(
        () => void (writing = null),
        (e) => {
          [writing, fault] = [null, e];
        },
      );
      if (!beside) await written();
    },
    restore: async (tensors, best, layout) => (found ? restore(memory, tensors, best, layout, found) : new Map()),
  };
}

const bytesOf = (tensors: readonly Tensor[], best: Map<string, Float32Array>) =>
  [...tensors, ...[...best.values()].map(({ byteLength }) => ({ bytes: byteLength }))].reduce((n, { bytes }) => n + bytes, 0);
