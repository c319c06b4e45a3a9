// A run that is killed at a random moment, resumed, and held against one that never was. No test in here.
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { below, random } from '../../src/random.ts';
import { blocktune, root } from '../cli/tiny.ts';
import { filesOf, tinyPlace } from './inprocess.ts';

const RUNS: [name: string, words: string[]][] = [
  ['smt', ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '4', '--accumulate', '2']],
  ['smt, full warm-up', ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '4', '--warmup', 'full']],
  ['lora, dropout', ['--method', 'lora', '--rank', '3', '--dropout', '0.3']],
  ['full', ['--method', 'full']],
];
const COMMON = ['--batch', '2', '--steps', '12', '--lr', '0.01', '--schedule', 'cosine', '--checkpoint-every', '1', '--json'];
const WATCHED = (held: string) => ['--eval', held, '--eval-every', '3', '--patience', '3', '--guard', held];

export interface Kill {
  name: string;
  /** Lines that had been told when it was killed, of those of the whole run. */
  lines: number;
  of: number;
  /** The step that the resumed run went on from. */
  from: number;
  equal: boolean;
  /** What the resumed run said where it did not end. */
  error?: string;
}

/** Kills so many runs, each once. */
export async function* kills(count: number, seed: number): AsyncGenerator<Kill> {
  const place = tinyPlace();
  const next = random(seed);
  try {
    const words = (i: number, out: string, ...more: string[]) =>
      place.train(out, ...RUNS[i][1], ...COMMON, ...WATCHED(place.at('others.jsonl')), ...more);
    const whole: { files: Record<string, Buffer>; lines: number }[] = [];
    for (let k = 0; k < count; k++) {
      const i = k % RUNS.length;
      if (!whole[i]) {
        const { code, lines, stderr } = await blocktune(words(i, `whole-${i}`));
        if (code !== 0) throw new Error(stderr);
        whole[i] = { files: filesOf(place.at(`whole-${i}`)), lines: lines.length };
      }
      const at = below(whole[i].lines, next);
      const killed = await killedAfter(words(i, `k${k}`), at, below(40, next));
      const resumed = await blocktune(words(i, `k${k}`, '--resume'));
      const first = resumed.lines.find(({ kind }) => kind === 'step')?.step ?? 13;
      const now = resumed.code === 0 ? filesOf(place.at(`k${k}`)) : {};
      const names = Object.keys(whole[i].files);
      const equal = names.length > 0 && names.every((name) => now[name]?.equals(whole[i].files[name]));
      const error = resumed.code === 0 ? undefined : resumed.stderr;
      yield { name: RUNS[i][0], lines: killed, of: whole[i].lines, from: first - 1, equal, error };
    }
  } finally {
    place.free();
  }
}

/** Runs a command in a group of its own and kills all of it some ms after its n-th line; answers the lines told. */
function killedAfter(words: string[], n: number, ms: number): Promise<number> {
  const child = spawn('node', [join(root, 'scripts/blocktune.mjs'), ...words], {
    cwd: root,
    env: { ...process.env, XDG_RUNTIME_DIR: tmpdir() },
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let lines = 0;
  let asked = false;
  const kill = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // it has ended
    }
  };
  child.stdout.on('data', (part) => {
    lines += String(part).split('\n').length - 1;
    if (!asked && lines >= n) setTimeout(kill, ms);
    asked ||= lines >= n;
  });
  if (n === 0) setTimeout(kill, 500 + 40 * ms);
  return new Promise((resolve) => child.on('close', () => resolve(lines)));
}
