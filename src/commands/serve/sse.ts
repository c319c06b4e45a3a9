// An answer as it comes: server-sent events, one JSON object each, closed by [DONE].

import { errorBody } from './refusal.ts';
import type { Reply } from './service.ts';

/** A reply whose events are sent while `run` goes on; what fails then is an event too, since the status is long out. */
export function events(run: (send: (event: unknown) => void) => Promise<void>): Reply {
  return {
    status: 200,
    headers: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
    body: made(run),
  };
}

async function* made(run: (send: (event: unknown) => void) => Promise<void>): AsyncGenerator<string> {
  const waiting: string[] = [];
  let wake = () => {};
  let over = false;
  const put = (text: string) => {
    waiting.push(`data: ${text}\n\n`);
    wake();
  };
  const ran = run((event) => put(JSON.stringify(event)))
    .then(
      () => put('[DONE]'),
      (e) => put(errorBody(e).body),
    )
    .finally(() => {
      over = true;
      wake();
    });
  while (!over || waiting.length) {
    if (waiting.length) yield waiting.splice(0).join('');
    else await new Promise<void>((woken) => (wake = woken));
  }
  await ran;
}
