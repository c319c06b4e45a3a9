// A run whose disk is full for a while; a line of JSON. See ../full.mjs. The folder given is a file system of its own.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskStore } from '../../../src/io/store-disk.ts';
import { listed, verify } from '../../../src/train/checkpoint.ts';
import { filesOf, of, run, tinyPlace } from '../../../test/train/inprocess.ts';

const [disk] = process.argv.slice(2);
const [FULL_FROM, FULL_TO] = [4, 8];
const place = tinyPlace();
const words = ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '3', '--steps', '12', '--lr', '0.01'];
const filler = join(disk, 'filler');

/** Takes all the room that is left. */
function fill(): void {
  for (let size = 1 << 20; size >= 256; size >>= 1)
    for (;;)
      try {
        writeFileSync(filler, new Uint8Array(size), { flag: 'a' });
      } catch {
        break; // not so much
      }
}

const store = diskStore(join(disk, 'run', 'checkpoints'));
let during: Promise<string[]> | undefined;
const lines = await run(
  [...place.train('x', ...words, '--checkpoint-every', '1').map((w) => (w === place.at('x') ? join(disk, 'run') : w))],
  undefined,
  (line) => {
    if (line.kind !== 'step') return;
    if (line.step === FULL_FROM) fill();
    if (line.step === FULL_TO) {
      during = listed(store);
      rmSync(filler);
    }
  },
);
const kept = (await during)!;
await run(place.train('undisturbed', ...words));
const after = await listed(store);
for (const name of after) await verify(store, name);
const texts = [...of(lines, 'warning'), ...of(lines, 'note')].map(({ text }) => text);
const [full, undisturbed] = [filesOf(join(disk, 'run')), filesOf(place.at('undisturbed'))];
console.log(
  JSON.stringify({
    steps: of(lines, 'step').length,
    said: texts.filter((text) => /^no room in .* training goes on/.test(text)).length,
    again: texts.filter((text) => /^there is room again/.test(text)).length,
    kept,
    after,
    other: Object.keys(undisturbed).filter((name) => !full[name]?.equals(undisturbed[name])),
  }),
);
place.free();
