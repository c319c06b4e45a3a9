// Where runs on this page are kept: the browser's own file system, which outlives the tab and the device. One run at a time of either
// way in; a tab beside the one that has it keeps its run in memory.

import { type CheckpointOptions, type Curve, clearCheckpoints, newestCheckpoint, opfsStore, type Store } from '../src/parts.ts';
import type { ToldBefore } from './protocol.ts';

/** The folder of each way in. */
const FOLDERS = { 'built-in': 'built-in run', own: 'run' };
type Of = keyof typeof FOLDERS;

/** The place of runs; null where another tab's run is in it, or the browser has none. */
export async function placeOfRuns(of: Of): Promise<Store | null> {
  try {
    const root = await navigator.storage.getDirectory();
    const store = opfsStore(await root.getDirectoryHandle(FOLDERS[of], { create: true }));
    await (await store.lock())();
    return store;
  } catch {
    return null;
  }
}

/** How a run is kept there; not at all where there is no place. */
export async function keptIn(of: Of, resume: boolean): Promise<CheckpointOptions | undefined> {
  const store = await placeOfRuns(of);
  return store ? { folder: store, keep: 2, resume, anew: !resume } : undefined;
}

/** Where a run that has not ended was saved at last; null where there is none. */
export async function keptRun(of: Of) {
  const store = await placeOfRuns(of);
  return (store && (await newestCheckpoint(store, () => {}))) ?? null;
}

export async function forgetRun(of: Of): Promise<null> {
  const store = await placeOfRuns(of);
  if (store) await clearCheckpoints(store);
  return null;
}

/** The setting of a run under which the page hears what it had told before. */
export const goingOn = (tell: (told: ToldBefore) => void) => ({
  toldBefore: (curve: Curve) => tell({ kind: 'toldBefore', curve }),
});
