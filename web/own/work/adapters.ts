// Adapters that answers can be given by, on the one model that is loaded: of each run that ended, and those a person opened. One is put
// on in place of what the last run left there, and that is put back to the bit.

import {
  applyAdapter,
  baseOf,
  blobFolder,
  checkAdapterBase,
  loadAdapter,
  type Model,
  putOn,
  removeAdapter,
  takeOff,
} from '../../../src/parts.ts';
import type { AdapterFrom } from '../calls.ts';
import { type Bench, modelOf } from './bench.ts';
import { askable } from './device.ts';

/** Opens an adapter and holds it against the model; what is said of its base. */
export async function openAdapter(b: Bench, { name, files }: AdapterFrom): Promise<string[]> {
  modelOf(b);
  const adapter = await loadAdapter(blobFolder(new Map(files.map(({ name, blob }) => [name, blob])), name));
  const said: string[] = [];
  await checkAdapterBase(await askable(b), adapter, (line) => line.kind === 'warning' && said.push(line.text));
  b.adapters.set(name, adapter);
  return said;
}

/** Keeps what the last run left beside the base, under its number. */
export async function keepAdapter(b: Bench, number: number): Promise<void> {
  const { loaded, tuned } = b;
  if (!loaded || loaded.model.moved || !tuned?.made) return;
  const adapter = await tuned.made.attached.adapter(baseOf(loaded.model), false);
  if (adapter) b.adapters.set(String(number), adapter);
}

/** Does something while another adapter is on the model than what the last run left there. */
export async function withAdapter<T>(b: Bench, model: Model, name: string, f: () => Promise<T>): Promise<T> {
  const adapter = b.adapters.get(name);
  if (!adapter) throw new Error(`expected an adapter that is open, got ${name}: open it again.`);
  if (model.moved)
    throw new Error(
      'expected the model as it is stored, got one that the last run has trained itself: choose the model again first.',
    );
  const own = b.tuned?.made?.attached;
  if (own) takeOff(own);
  try {
    const other = await applyAdapter(model, adapter);
    try {
      return await f();
    } finally {
      removeAdapter(other);
    }
  } finally {
    if (own) putOn(own);
  }
}
