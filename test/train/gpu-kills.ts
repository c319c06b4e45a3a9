// A run in headless Chromium whose GPU process is killed at random moments, held against one that was left alone. No test in here.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { below, random } from '../../src/random.ts';
import { blocktune, root } from '../cli/tiny.ts';
import { filesOf, tinyPlace } from './inprocess.ts';

const WORDS = ['--targets', 'all', '--budget', '20%t', '--block', '8', '--warmup-steps', '4', '--batch', '2', '--steps', '10'];

export interface GpuKill {
  /** GPU processes killed in the run, and the lines that had been told at each. */
  at: number[];
  /** Lines of the whole run. */
  of: number;
  /** Times that the run said it goes on. */
  again: number;
  equal: boolean;
  error?: string;
}

/** As many runs as asked, each with so many kills. */
export async function* gpuKills(runs: number, each: number, seed: number): AsyncGenerator<GpuKill> {
  const place = tinyPlace();
  const next = random(seed);
  const words = (out: string) =>
    place
      .train(out, ...WORDS, '--lr', '0.01', '--checkpoint-every', '1', '--eval', place.at('others.jsonl'), '--json')
      .concat('--runtime', 'chrome');
  try {
    const whole = await blocktune(words('whole'));
    if (whole.code !== 0) throw new Error(whole.stderr);
    const files = filesOf(place.at('whole'));
    for (let k = 0; k < runs; k++) {
      const at = Array.from({ length: each }, () => below(whole.lines.length, next)).sort((a, b) => a - b);
      const ran = await killing(words(`k${k}`), at, () => below(60, next));
      const now = ran.code === 0 ? filesOf(place.at(`k${k}`)) : {};
      const equal = Object.keys(files).every((name) => now[name]?.equals(files[name]));
      yield {
        at: ran.killed,
        of: whole.lines.length,
        again: ran.stderr.split('It is opened again').length - 1,
        equal,
        error: ran.code === 0 ? undefined : ran.stderr,
      };
    }
  } finally {
    place.free();
  }
}

/** Runs a command, and kills the GPU process of its Chromium some ms after each of these lines. */
function killing(words: string[], at: number[], ms: () => number) {
  const child = spawn('node', [join(root, 'scripts/blocktune.mjs'), ...words], {
    cwd: root,
    env: { ...process.env, XDG_RUNTIME_DIR: tmpdir() },
  });
  let [lines, stderr] = [0, ''];
  const due = [...at];
  const killed: number[] = [];
  const kill = () => {
    for (const pid of startedBy(child.pid!))
      if (/--type=gpu-process/.test(commandOf(pid))) {
        process.kill(pid, 'SIGKILL');
        killed.push(lines);
      }
  };
  const look = () => {
    while (due.length && lines >= due[0]) {
      due.shift();
      setTimeout(kill, ms());
    }
  };
  child.stdout.on('data', (part) => {
    lines += String(part).split('\n').length - 1;
    look();
  });
  child.stderr.on('data', (part) => (stderr += part));
  return new Promise<{ code: number | null; stderr: string; killed: number[] }>((resolve) =>
    child.on('close', (code) => resolve({ code, stderr, killed })),
  );
}

/** Words, or where the process has been forked for its work one line. */
const commandOf = (pid: number) => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
};

/** The processes that a process has started, and those that these have. */
function startedBy(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc'))
    if (/^\d+$/.test(name)) {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      } catch {
        // it has ended
      }
    }
  const of = (p: number): number[] => [...parents].filter(([, parent]) => parent === p).flatMap(([c]) => [c, ...of(c)]);
  return of(pid);
}
