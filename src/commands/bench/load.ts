// How fast a model gets onto the device, beside reading its file into as much memory: in turn, in the same run, the disk's cache warm.

import type { Gpu } from '../../gpu/device.ts';
import { idle } from '../../gpu/device.ts';
import { freeModel, loadModel, type OpenModel } from '../../parts.ts';
import type { Report } from '../../report.ts';
import { giga, line } from './line.ts';

const ROUNDS = 5;
/** Bytes read at a time. */
const PIECE = 4 << 20;

/** Milliseconds of both, and the reading over the loading. */
export async function benchLoad(gpu: Gpu, report: Report, opened: OpenModel): Promise<void> {
  const best = { read: Number.POSITIVE_INFINITY, load: Number.POSITIVE_INFINITY };
  let bytes = 0;
  for (let round = 0; round <= ROUNDS; round++) {
    let since = performance.now();
    bytes = (await readAll(opened)).reduce((n, part) => n + part.length, 0);
    const read = performance.now() - since;
    since = performance.now();
    const model = await loadModel(gpu, opened, { longest: 64 });
    await idle(gpu);
    const load = performance.now() - since;
    freeModel(model);
    if (round) Object.assign(best, { read: Math.min(best.read, read), load: Math.min(best.load, load) }); // the first warms caches
  }
  const shape = `${opened.files.name.split('/').at(-1)}, ${(bytes / 1e6).toFixed(0)} MB`;
  report(line('reading the file into memory', shape, { ms: best.read, gbs: giga(bytes, best.read) }));
  report(line('load over reading', shape, { ms: best.load, gbs: giga(bytes, best.load), ratio: best.read / best.load }));
}

/** Every stored byte of the tensors, in memory. */
async function readAll({ files }: OpenModel): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (const { shape, rows } of files.tensors.values()) {
    const n = shape.length > 1 ? shape[0] : 1;
    const step = Math.max(1, Math.floor(PIECE / (await rows(0, 1)).length));
    for (let r = 0; r < n; r += step) parts.push(await rows(r, Math.min(n, r + step)));
  }
  return parts;
}
