// A run that did not end: what it was of, kept in the browser beside its checkpoints (../keep.ts), so that the page can offer to go on
// with it after it was closed, loaded anew, or lost the GPU. Files are kept whole, as long as there is room for them.

import type { Options } from '../../src/options/table.ts';
import type { FileFrom, ModelFrom } from './calls.ts';

/** What a run is of: its model, its rows and its options. */
export interface RunOf {
  from: ModelFrom;
  train: FileFrom[];
  held: FileFrom[] | null;
  given: Options;
  prompts: number;
}

/** Bytes of a model's files that are kept at most: a larger one is chosen again. */
const MOST = 2 ** 31;

/** The model that is kept. */
let kept: ModelFrom | null = null;

/** Keeps what a run is of, in the place of the run before it. */
export async function remember(run: RunOf): Promise<void> {
  const { from } = run;
  const size = 'files' in from ? from.files.reduce((n, f) => n + ('blob' in f ? f.blob.size : 0), 0) : 0;
  await ask('readwrite', (s) => s.delete('run'));
  if (from !== kept) await ask('readwrite', (s) => s.put(size > MOST ? { name: from.name, files: [] } : from, 'model'));
  kept = from;
  await ask('readwrite', (s) => s.put({ ...run, from: null }, 'run'));
}

/** What was kept last; null where there is nothing. */
export async function remembered(): Promise<RunOf | null> {
  try {
    const [run, from] = [await ask('readonly', (s) => s.get('run')), await ask('readonly', (s) => s.get('model'))];
    return run && from ? { ...run, from } : null;
  } catch {
    return null;
  }
}

export async function forget(): Promise<void> {
  kept = null;
  await ask('readwrite', (s) => s.clear()).catch(() => {});
}

async function ask<T>(mode: IDBTransactionMode, f: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open('blocktune', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('runs');
  const db = await result(opening);
  try {
    const transaction = db.transaction('runs', mode);
    const ended = new Promise<void>((done, failed) => {
      transaction.oncomplete = () => done();
      transaction.onabort = () => failed(transaction.error);
    });
    const [answer] = await Promise.all([result(f(transaction.objectStore('runs'))), ended]);
    return answer;
  } finally {
    db.close();
  }
}

const result = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
