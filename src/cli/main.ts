// The command line: words in, lines out. With --json standard output carries one JSON object a line and nothing else;
// what is for people goes to standard error. Exit 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C or SIGTERM.

import process from 'node:process';
import { parseCommand } from '../options/args.ts';
import { type Verb, withDefaults } from '../options/table.ts';
import { version } from '../version.ts';
import { kernelCache } from './kernel-cache.ts';
import { printer } from './print.ts';
import { LOAD } from './verbs.ts';

/** Verbs that a signal ends at once. */
const NOTHING_TO_SAVE: Verb[] = ['eval', 'plan', 'inspect', 'doctor', 'bench'];

process.exitCode = await main(process.argv.slice(2));
process.exit();

async function main(argv: string[]): Promise<number> {
  const { isTTY, columns } = process.stdout;
  const parsed = parseCommand(argv, isTTY ? Math.max(40, Math.min(columns, 100)) : undefined);
  if (parsed.kind === 'version') return say(version);
  if (parsed.kind !== 'run') return parsed.kind === 'help' ? say(parsed.text) : fail(parsed.text, 2);
  const { verb, files } = parsed;
  let { options } = parsed;
  if (verb === 'train' && files.length) {
    const { takeRecipe } = await import('../commands/recipe.ts');
    const taken = await takeRecipe(verb, files[0], options).catch((e: Error) => e);
    if (taken instanceof Error) return fail(taken.message, 1);
    if (taken.clash !== undefined) return fail(taken.clash, 2);
    options = taken.options;
  }
  const { report, close } = printer({ verb, options });
  const stop = stopOnSignal(() => {
    if (NOTHING_TO_SAVE.includes(verb)) {
      close();
      process.exit(130);
    }
    report({ kind: 'warning', text: 'stopping after this step; Ctrl-C again ends at once' });
  });
  try {
    const run = await LOAD[verb]();
    await run({ o: withDefaults(options), files, report, signal: stop, cache: kernelCache() });
    close();
    return stop.aborted ? 130 : 0;
  } catch (e) {
    close();
    return fail((e as Error).message, 1);
  }
}

/**
 * Aborted by the first Ctrl-C, or by a SIGTERM, which is the same asked by a program; a second ends the program. One signal may
 * arrive twice at once: sent to all of a terminal's or supervisor's processes, and passed on by the one that started this.
 */
function stopOnSignal(tell: () => void): AbortSignal {
  const stop = new AbortController();
  let asked = Number.POSITIVE_INFINITY;
  const heard = () => {
    const now = performance.now();
    if (now - asked > 300) process.exit(130);
    if (stop.signal.aborted) return;
    asked = now;
    stop.abort();
    tell();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, heard);
  return stop.signal;
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function fail(text: string, code: number): number {
  process.stderr.write(`blocktune: ${text}\n`);
  return code;
}
