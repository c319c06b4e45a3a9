// How long an export takes to be written, beside copying the file that came of it (both flushed to the disk), in turn in one process, and
// the most of JavaScript's heap meanwhile, array buffers included; cpu: milliseconds of processors that the export took. What the command does beside that, opening the result and asking it on
// the GPU, is not in it. `speed.ts MODEL FOLDER [ROUNDS]` tells a JSON line a format.
import { copyFileSync, fsyncSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { openModel } from '../../../src/index.ts';
import { EXPORTERS } from '../../../src/io/exports.ts';
import { writeFile, writeFolder } from '../../../src/io/write.ts';

const [model, folder, rounds = '3'] = process.argv.slice(2);
const CASES = [
  ['gguf', 'f16'],
  ['gguf', 'q8_0'],
  ['onnx', 'f32'],
  ['onnx', 'f16'],
  ['onnx', 'q4'],
] as const;

const opened = await openModel(model);
let most = 0;
const heap = () => {
  const { heapUsed, external } = process.memoryUsage();
  most = Math.max(most, heapUsed + external);
};
const timed = async (work: () => Promise<unknown> | unknown) => {
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - from, cpu: (user + system) / 1000 };
};

for (const [format, dtype] of CASES) {
  const out = join(folder, `${format}-${dtype}`);
  const write = async () => {
    const exporter = EXPORTERS[format];
    const { files } = await exporter.lay({ files: opened.files, dtype });
    if (exporter.place === 'file') await writeFile(out, files[0].chunks);
    else await writeFolder(out, files);
  };
  const files = () => (statSync(out).isFile() ? [out] : readdirSync(join(out, 'onnx')).map((name) => join(out, 'onnx', name)));
  const copy = () => {
    for (const file of files()) {
      copyFileSync(file, join(folder, 'copy'));
      const to = openSync(join(folder, 'copy'), 'r+');
      fsyncSync(to);
      rmSync(join(folder, 'copy'));
    }
  };
  const found: number[][] = [];
  let bytes = 0;
  for (let round = 0; round < Number(rounds); round++) {
    most = 0;
    const beat = setInterval(heap, 5);
    const written = await timed(write);
    clearInterval(beat);
    const copied = await timed(copy);
    bytes = files().reduce((sum, file) => sum + statSync(file).size, 0);
    found.push([written.ms, copied.ms, written.ms / copied.ms, most, written.cpu]);
    rmSync(out, { recursive: true });
  }
  const middle = (i: number) => found.map((f) => f[i]).sort((a, b) => a - b)[found.length >> 1];
  const ratios = found.map((f) => f[2]).sort((a, b) => a - b);
  const [written, copied, ratio, heapBytes, cpu] = [0, 1, 2, 3, 4].map(middle);
  console.log(
    JSON.stringify({ format, dtype, bytes, written, copied, ratio, from: ratios[0], to: ratios.at(-1), heap: heapBytes, cpu }),
  );
}
