// The command line: words in, lines out. With --json standard output carries one JSON object a line and nothing else;
// what is for people goes to standard error. Exit 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C or SIGTERM.

import process from 'node:process';
import type { Listen } from '../commands/serve/listen.ts';
import { parseCommand } from '../options/args.ts';
import { type Verb, withDefaults } from '../options/table.ts';
import type { Report } from '../report.ts';
import { version } from '../version.ts';
import { clean, clipped } from './clean.ts';
import { inFlags } from './flags.ts';
import { kernelCache } from './kernel-cache.ts';
import { printer } from './print.ts';
import { LOAD } from './verbs.ts';

/** Verbs that a signal ends at once. */
const NOTHING_TO_SAVE: Verb[] = ['eval', 'rows', 'plan', 'inspect', 'doctor', 'bench', 'replay'];

/** Sockets are loaded when they are asked for. */
const listen: Listen = async (...asked) => (await import('./http.ts')).listen(...asked);

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
  const { report: print, close } = printer({ verb, options });
  const hearing: Report[] = [print];
  const report: Report = (line) => hearing.forEach((hear) => hear(line));

  const stop = stopOnSignal(() => {
    if (NOTHING_TO_SAVE.includes(verb)) {
      close();
      process.exit(130);
    }
    const what = verb === 'serve' ? 'ending' : 'stopping after this step';
    report({ kind: 'warning', text: `${what}; Ctrl-C again ends at once` });
  });
  try {
    const task = { o: withDefaults(options), files, report, signal: stop, runtime: runtime(), cache: kernelCache(), listen };
    checkRuntime(task.o.runtime);
    if (options.tensorboard) hearing.push((await import('./tensorboard.ts')).curvesIn(options.tensorboard, options, print));
    if (task.o.runtime === 'chrome') await (await import('./chrome/host.ts')).runInChrome(verb, task);
    else {
      if (verb === 'doctor') report({ kind: 'note', text: `runtime   ${runtime()}${why()}` });
      await (await LOAD[verb]())(task);
    }
    close();
    // a server has no other end than a signal: the one that programs send is how it is to end
    return stop.aborted && !(verb === 'serve' && stop.reason === 'SIGTERM') ? 130 : 0;
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
  const heard = (signal: NodeJS.Signals) => {
    const now = performance.now();
    if (now - asked > 300) process.exit(130);
    if (stop.signal.aborted) return;
    asked = now;
    stop.abort(signal);
    tell();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, heard);
  return stop.signal;
}

/** A recipe may name a runtime, which is read too late for it. */
function checkRuntime(asked: string): void {
  const here = process.versions.deno ? 'deno' : 'node';
  if (['node', 'deno'].includes(asked) && asked !== here)
    throw new Error(
      `expected --runtime ${asked} among the options of the command, got it in a recipe alone; add it to the command`,
    );
}

/** The runtime of this command. */
function runtime(): string {
  const { deno, node } = process.versions;
  return deno ? `Deno ${deno}` : `Node ${node}`;
}

/** Why it is that one, as the program that chose it says. */
function why(): string {
  const { BLOCKTUNE_RUNTIME: said } = process.env;
  return said ? `: ${said}` : '';
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function fail(text: string, code: number): number {
  process.stderr.write(`blocktune: ${clipped(clean(inFlags(text)))}\n`);
  return code;
}
