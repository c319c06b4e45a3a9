// Models of the web that are kept in this browser: what is there, what is opened through it, what is deleted.

import { keptFolder, keptModels, openPlace, type Place } from '../../../src/parts.ts';
import type { KeptModel, ModelFrom } from '../calls.ts';
import type { Bench } from './bench.ts';

const FOLDER = 'models';

const directory = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

/** What is at an address, through its copy in this browser; from its server alone where the browser keeps nothing. */
export async function keptPlace(
  b: Bench,
  { name, address, hub }: Extract<ModelFrom, { address: string }>,
  note: (text: string) => void,
): Promise<Place> {
  const place = await openPlace(address, { hub, note }).catch((e: Error) => e);
  const there = await directory().catch(() => undefined);
  const progress = (done: number, all: number) => b.tell({ kind: 'bytes', of: 'model', done, all });
  const through = async (from: Parameters<typeof keptFolder>[0]) =>
    keptFolder(from, { key: await keyOf(address, hub), name, address }, { directory: there!, progress, note });
  if (place instanceof Error) {
    // a single file whose server does not answer may be there
    const file =
      there &&
      (await (await through({ name, list: async () => undefined, file: () => Promise.reject(place) })).file(lone(address)));
    if (!file) throw place;
    return file;
  }
  if ('folder' in place) return there ? through(place.folder) : place.folder;
  if (!there) return place.source;
  const folder = await through({ name, list: async () => undefined, file: async () => place.source });
  return (await folder.file(lone(address)))!;
}

/** What a single file is called by. */
const lone = (address: string) => new URL(address).pathname.split('/').at(-1)!;

export const listModels = async (): Promise<KeptModel[]> => keptModels(await directory()).catch(() => []);

export async function forgetModel(key: string): Promise<KeptModel[]> {
  await (await directory()).removeEntry(key, { recursive: true });
  return listModels();
}

async function keyOf(address: string, hub = ''): Promise<string> {
  const sum = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`${hub} ${address}`));
  return [...new Uint8Array(sum, 0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
