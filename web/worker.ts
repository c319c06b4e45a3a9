// The engine's side of the page: one command at a time, told in messages. The work is session.ts.

import type { Call } from './own/calls.ts';
import { serve } from './own/work/serve.ts';
import type { Command, Message } from './protocol.ts';
import { ask, forget, newSession, open, run } from './session.ts';

/** One's own model and data: calls, each answered. */
const answer = serve((told) => self.postMessage(told));
/** The built-in task: commands and messages. */
const session = newSession((message: Message) => self.postMessage(message));

let stop = new AbortController();
let queue = Promise.resolve();

self.onmessage = ({ data }: MessageEvent<Command | Call>) => {
  if ('call' in data) return answer(data);
  if (data.kind === 'stop') {
    stop.abort();
    return undefined;
  }
  queue = queue.then(() => perform(data));
  return undefined;
};

async function perform(command: Exclude<Command, { kind: 'stop' }>): Promise<void> {
  stop = new AbortController();
  try {
    if (command.kind === 'open') await open(session, command);
    else if (command.kind === 'run') await run(session, command.resume, stop.signal);
    else if (command.kind === 'forget') await forget(session);
    else await ask(session, command.prompt);
  } catch (e) {
    session.tell({ kind: 'failed', stage: session.stage, text: e instanceof Error ? e.message : String(e) });
  }
}
