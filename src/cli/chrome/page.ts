// A command inside a page of Chrome: runs a verb on the browser's WebGPU; files, lines, kernel choices and Ctrl-C are the host's
// (host.ts), which it asks by HTTP. Built apart into dist/chrome with everything in it.

import { withDefaults } from '../../options/table.ts';
import type { Line } from '../../report.ts';
import { LOAD } from '../verbs.ts';
import { ask, hostFs } from './ask.ts';
import type { Errand, Outcome } from './wire.ts';

/** Lines are sent together that come within this time. */
const TOGETHER_MS = 50;

const outcome = await perform().then(
  (): Outcome => ({}),
  (e): Outcome => ({ error: e instanceof Error ? e.message : String(e) }),
);
await ask('end', [outcome]);

async function perform(): Promise<void> {
  const { verb, options, files, dirname }: Errand = await ask('errand');
  // what the sources ask of a process: a disk, and where they lie
  Object.assign(globalThis, { process: { versions: {}, getBuiltinModule: () => hostFs }, blocktuneDirname: dirname });
  const stop = new AbortController();
  ask('stopped').then(() => stop.abort());
  const { report, flush } = reporter();
  const cache = { get: (key: string) => ask('recall', [key]), set: (key: string, value: string) => ask('keep', [key, value]) };
  const runtime = `Chrome ${/Chrome\/([\d.]+)/.exec(navigator.userAgent)?.[1] ?? 'of unknown version'}`;
  if (verb === 'doctor') report({ kind: 'note', text: `runtime   ${runtime}, without a window: as asked` });
  try {
    const run = await LOAD[verb]();
    await run({ o: withDefaults(options), files, report, signal: stop.signal, runtime, cache });
  } finally {
    await flush();
  }
}

/** Sends lines in their order, a few at a time. */
function reporter() {
  let waiting: Line[] = [];
  let sending = Promise.resolve();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    const lines = waiting;
    waiting = [];
    if (lines.length) sending = sending.then(() => ask('lines', [lines]));
    return sending;
  };
  const report = (line: Line) => {
    waiting.push(line);
    timer ??= setTimeout(flush, TOGETHER_MS);
  };
  return { report, flush };
}
