// One measurement in a process of its own, as JSON: a model's tensors read into memory, loaded onto the device, or hashed in a stream, and
// the most that the JS heap and what hangs on it outside took meanwhile.

import { idle } from '../../../src/gpu/device.ts';
import { loadModel, openGpu, openModel } from '../../../src/index.ts';
import { identityOf } from '../../../src/train/identity.ts';

const [what, folder] = process.argv.slice(2);
const PIECE = 4 << 20;
const most = { heap: 0, external: 0 };
const look = () => {
  const { heapUsed, external } = process.memoryUsage();
  most.heap = Math.max(most.heap, heapUsed);
  most.external = Math.max(most.external, external);
};

const opened = await openModel(folder);
const gpu = await openGpu();
const since = performance.now();
if (what === 'load') {
  await loadModel(gpu, opened, { longest: 64, progress: look });
  await idle(gpu);
} else if (what === 'hash') {
  await identityOf(opened.files, { rows: [] }, {});
  look();
} else {
  const held: Uint8Array[] = [];
  for (const { shape, rows } of opened.files.tensors.values()) {
    const n = shape.length > 1 ? shape[0] : 1;
    const step = Math.max(1, Math.floor(PIECE / (2 * shape.at(-1)!)));
    for (let r = 0; r < n; r += step) held.push(await rows(r, Math.min(n, r + step)));
  }
  look();
}
console.log(JSON.stringify({ ms: performance.now() - since, ...most }));
process.exit();
