// A checkpoint and an adapter of a tiny run, damaged byte by byte and at random; a line of JSON each. See ../damage.mjs.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { loadAdapter } from '../../../src/io/adapter.ts';
import { blobFolder } from '../../../src/io/bytes.ts';
import { memoryStore } from '../../../src/io/store-memory.ts';
import { listed, verify } from '../../../src/train/checkpoint.ts';
import { mutation } from '../../../test/fuzz/mutate.ts';
import { run, tinyPlace } from '../../../test/train/inprocess.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Files = Map<string, Bytes>;

const [count, seed] = process.argv.slice(2).map(Number);
const place = tinyPlace();
const small = ['--targets', 'v', '--budget', '2b', '--block', '8', '--warmup-steps', '2', '--steps', '3', '--lr', '0.01'];
await run(place.train('run', ...small, '--checkpoint-every', '2'));
const out = place.at('run');
const filesIn = (path: string): Files =>
  new Map(
    readdirSync(path, { withFileTypes: true })
      .filter((e) => e.isFile() && e.name !== 'lock')
      .map(({ name }) => [name, new Uint8Array(readFileSync(join(path, name)))]),
  );
const [checkpoint] = readdirSync(join(out, 'checkpoints')).filter((name) => name.startsWith('step-'));
const readAdapter = (files: Files): Promise<unknown> =>
  loadAdapter(blobFolder(new Map([...files].map(([name, bytes]) => [name, new Blob([bytes])]))));
const KINDS: [name: string, files: Files, damaged: string[], read: (files: Files) => Promise<unknown>][] = [
  [
    'checkpoint',
    filesIn(join(out, 'checkpoints', checkpoint)),
    ['state.safetensors', 'run.json', 'manifest.json'],
    readCheckpoint,
  ],
  ['adapter', filesIn(out), ['adapter_model.safetensors', 'adapter_config.json'], readAdapter],
];

async function readCheckpoint(files: Files): Promise<void> {
  const store = memoryStore();
  store.files.set(checkpoint, files);
  for (const name of await listed(store)) await verify(store, name);
}

for (const [kind, files, names, read] of KINDS) {
  await read(files); // it is sound
  for (const name of names) {
    const sound = files.get(name)!;
    const found = async (bytes: Bytes) => {
      const refused = await read(new Map(files).set(name, bytes)).then(
        () => false,
        () => true,
      );
      return refused ? 1 : 0;
    };
    const told = { kind, file: name, bytes: sound.length, flips: 0, found: 0, changes: 0, changesFound: 0 };
    for (let at = 0; at < sound.length; at++)
      for (const flip of [1, 0xff]) {
        const bytes = sound.slice();
        bytes[at] ^= flip;
        told.flips++;
        told.found += await found(bytes);
      }
    for (const change of fc.sample(mutation, { numRuns: Math.ceil(count / 5), seed })) {
      const bytes = change(sound);
      if (Buffer.from(bytes).equals(sound)) continue; // no change at all
      told.changes++;
      told.changesFound += await found(bytes);
    }
    console.log(JSON.stringify(told));
  }
}
place.free();
