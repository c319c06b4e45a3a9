// Rows whose gradient is not finite among rows that are sound; a line of JSON a method. See ../nonfinite.mjs.
import { readFileSync, writeFileSync } from 'node:fs';
import { writeModel } from '../../../test/cli/tiny.ts';
import { filesOf, of, run, tinyPlace } from '../../../test/train/inprocess.ts';
import { spoil } from '../../../test/train/spoil.ts';

const COUNT = 40;
const METHODS: [name: string, words: string[]][] = [
  ['smt', ['--targets', 'q,v', '--budget', '20%t', '--block', '8', '--select', 'magnitude']],
  ['smt by muon', ['--targets', 'q,v', '--budget', '20%t', '--block', '8', '--select', 'magnitude', '--optimizer', 'muon']],
  ['lora', ['--method', 'lora', '--rank', '3']],
  ['dora', ['--method', 'dora', '--rank', '3']],
];
const place = tinyPlace();
// the head is a matrix of its own: what the embedding has is met by its token alone
writeModel(place.at('untied'), { tie_word_embeddings: false });
const { vocab } = JSON.parse(readFileSync(place.at('untied', 'tokenizer.json'), 'utf8')).model;
const own = Object.keys(vocab).find((token) => /frog/.test(token))!;
await spoil(place.at('untied', 'model.safetensors'), Number.NaN, [vocab[own]]);
const all = readFileSync(place.at('rows.jsonl'), 'utf8').trim().split('\n');
const bad = all.find((text) => text.includes('The frog is'))!;
const sound = all.filter((text) => text !== bad);
// two sound rows before each that is not
const mixed = Array.from({ length: 3 * COUNT }, (_, i) => (i % 3 === 2 ? bad : sound[i % sound.length]));
writeFileSync(place.at('mixed.jsonl'), `${mixed.join('\n')}\n`);
writeFileSync(place.at('sound.jsonl'), `${mixed.filter((text) => text !== bad).join('\n')}\n`);
const words = ['--batch', '1', '--no-shuffle', '--lr', '0.01', '--schedule', 'constant', '--lr-warmup', '0', '--tune', 'off'];

for (const [name, method] of METHODS) {
  const train = (rows: string) =>
    run([
      'train',
      '--model',
      place.at('untied'),
      '--data',
      place.at(rows),
      '--out',
      place.at(`${name} ${rows}`),
      ...words,
      ...method,
    ]);
  const steps = of(await train('mixed.jsonl'), 'step');
  await train('sound.jsonl');
  const weights = (rows: string) => filesOf(place.at(`${name} ${rows}`))['adapter_model.safetensors'];
  console.log(
    JSON.stringify({
      name,
      injected: COUNT,
      skipped: steps.filter((s, i) => s.skipped && i % 3 === 2).length,
      others: steps.filter((s, i) => s.skipped && i % 3 !== 2).length,
      equal: weights('mixed.jsonl').equals(weights('sound.jsonl')),
    }),
  );
}
place.free();
