// The command line: words in, lines out. With --json standard output carries one JSON object a line and nothing else;
// what is for people goes to standard error. Exit 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C.

import process from 'node:process';
import { parseCommand } from './args.ts';
import { printer } from './cli/print.ts';
import { VERBS_RUN } from './cli/verbs.ts';
import { withDefaults } from './options.ts';
import { version } from './tune/version.ts';

process.exitCode = await main(process.argv.slice(2));
process.exit();

async function main(argv: string[]): Promise<number> {
  const parsed = parseCommand(argv);
  if (parsed.kind === 'version') return say(version);
  if (parsed.kind !== 'run') return parsed.kind === 'help' ? say(parsed.text) : fail(parsed.text, 2);
  const { verb, options, files } = parsed;
  const stop = new AbortController();
  process.on('SIGINT', () => {
    if (stop.signal.aborted) process.exit(130); // asked twice
    stop.abort();
    process.stderr.write('\nblocktune: stopping after this step; Ctrl-C again ends at once\n');
  });
  const { report, close } = printer({ verb, options });
  try {
    await VERBS_RUN[verb]({ o: withDefaults(options), files, report, signal: stop.signal });
    close();
    return stop.signal.aborted ? 130 : 0;
  } catch (e) {
    close();
    return fail((e as Error).message, 1);
  }
}

function say(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

function fail(text: string, code: number): number {
  process.stderr.write(`blocktune: ${text}\n`);
  return code;
}
