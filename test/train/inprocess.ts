// A command line run in this process, on a tiny model of its own: as `blocktune WORDS...` with --json, without starting a program.
// Everything goes through the words, so what is tested is what a person gets. No test in here.
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inFlags, lineInFlags } from '../../src/cli/flags.ts';
import { LOAD } from '../../src/cli/verbs.ts';
import type { AutotuneCache } from '../../src/gpu/autotune.ts';
import { openPlace } from '../../src/io/bytes.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';
import { parseCommand } from '../../src/options/args.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line, Report } from '../../src/report.ts';
import { newFolder, writeModel, writeRows } from '../cli/tiny.ts';

export type Of<K extends Line['kind']> = Extract<Line, { kind: K }>;

/** Lines of a report by kind. */
export const of = <K extends Line['kind']>(lines: Line[], kind: K) => lines.filter((l): l is Of<K> => l.kind === kind);

/**
 * Runs a command and gives its lines, as they come to `hear`. With `stopAfter`, the signal of Ctrl-C comes when that training step is
 * reported, or by `stop`. `cache` is asked for kernels measured before.
 */
export async function run(
  words: string[],
  stopAfter = Number.POSITIVE_INFINITY,
  hear: Report = () => {},
  cache?: AutotuneCache,
  stop = new AbortController(),
): Promise<Line[]> {
  const parsed = parseCommand(words);
  if (parsed.kind !== 'run') throw new Error(`expected a command, got ${'text' in parsed ? parsed.text : parsed.kind}`);
  const lines: Line[] = [];
  const report = (line: Line) => {
    lines.push(line);
    hear(line);
    if (line.kind === 'step' && line.step >= stopAfter) stop.abort();
  };
  const verb = await LOAD[parsed.verb]();
  const o = withDefaults(parsed.options);
  const done = verb({ o, files: parsed.files, report, signal: stop.signal, runtime: 'a test', cache });
  // said as a person reads it
  await done.catch((e: Error) => {
    throw Object.assign(e, { message: inFlags(e.message) });
  });
  return lines.map(lineInFlags);
}

const WORDS = ['cow', 'dog', 'cat', 'owl', 'fox', 'hen', 'frog', 'big red bird', 'horse', 'pig', 'duck'];

/** A folder with a model (random weights, the built-in tokenizer), rows of unlike lengths, and other rows of the same kind. */
export function tinyPlace() {
  const folder = newFolder();
  writeModel(folder.at('model'));
  const row = (word: string, i: number) => ({
    prompt: `The ${word} is here.`,
    completion: ` The ${word} is ${i % 2 ? '' : 'not '}here.`,
  });
  writeRows(folder.at('rows.jsonl'), WORDS.map(row));
  writeRows(
    folder.at('others.jsonl'),
    ['goat', 'old cat', 'bird', 'small pig'].map((word) => ({
      prompt: `Where is the ${word}?`,
      completion: ` The ${word} can sing.`,
    })),
  );
  /** The words of a training run into `out`. */
  const train = (out: string, ...more: string[]) => [
    ...['train', '--model', folder.at('model'), '--data', folder.at('rows.jsonl'), '--out', folder.at(out), '--tune', 'off'],
    ...more,
  ];
  return { ...folder, train };
}

/** What a run left in a folder, without its checkpoints: bytes by name. */
export function filesOf(path: string): Record<string, Buffer> {
  const names = readdirSync(path, { withFileTypes: true }).filter((e) => e.isFile());
  return Object.fromEntries(names.map(({ name }) => [name, readFileSync(join(path, name))]));
}

/** A folder in which a run has been cut off right after a checkpoint: nothing in it but that. */
export function cutOff(from: string, to: string, step: number): void {
  const name = join('checkpoints', `step-${String(step).padStart(8, '0')}`);
  mkdirSync(join(to, 'checkpoints'), { recursive: true });
  cpSync(join(from, name), join(to, name), { recursive: true });
}

/** All numbers of the f32 weights in a folder, by name. */
export async function weightsOf(path: string): Promise<Map<string, Float32Array>> {
  const file = readdirSync(path).find((name) => name.endsWith('.safetensors'))!;
  const place = await openPlace(join(path, file));
  if (!('source' in place)) throw new Error(`expected a file, got a folder: ${path}/${file}`);
  const { tensors } = await readSafetensors(place.source);
  const out = new Map<string, Float32Array>();
  for (const [name, t] of tensors)
    if (t.dtype === 'F32') out.set(name, new Float32Array((await place.source.read(t.offset, t.bytes)).slice().buffer));
  await place.source.close();
  return out;
}
