// Where a run on this page is kept: the browser's own file system, which outlives the tab and the device. One run at a time; a tab
// beside the one that has it keeps its run in memory.

import { clearCheckpoints, newestCheckpoint, opfsStore, type Store } from '../../../src/parts.ts';

const FOLDER = 'run';

/** The place of runs; null where another tab's run is in it, or the browser has none. */
export async function placeOfRuns(): Promise<Store | null> {
  try {
    const root = await navigator.storage.getDirectory();
    const store = opfsStore(await root.getDirectoryHandle(FOLDER, { create: true }));
    await (await store.lock())();
    return store;
  } catch {
    return null;
  }
}

/** The step that a run which has not ended was saved at last; null where there is none. */
export async function keptStep(): Promise<number | null> {
  const store = await placeOfRuns();
  const found = store && (await newestCheckpoint(store, () => {}));
  return found?.step ?? null;
}

export async function forgetRun(): Promise<null> {
  const store = await placeOfRuns();
  if (store) await clearCheckpoints(store);
  return null;
}
