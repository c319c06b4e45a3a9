// The page's end of a worker that answers calls: each is a promise. A worker that died fails all that wait.

import type { Call, CallName, Calls, Control, Event, Told } from './calls.ts';

export interface Caller {
  call<K extends CallName>(call: K, given: Calls[K][0]): Promise<Calls[K][1]>;
  /** Said to the run under way. */
  say(control: Control): void;
  close(): void;
}

/** Calls through a worker; `hear` takes what comes between. */
export function callerOf(worker: Worker, hear: (event: Event) => void): Caller {
  let last = 0;
  const waiting = new Map<number, { done: (value: never) => void; failed: (e: Error) => void }>();
  const failAll = (text: string) => {
    for (const { failed } of waiting.values()) failed(new Error(text));
    waiting.clear();
  };
  worker.onmessage = ({ data }: MessageEvent<Told>) => {
    if ('event' in data) return hear(data.event);
    const { done, failed } = waiting.get(data.id) ?? {};
    waiting.delete(data.id);
    if ('error' in data) failed?.(new Error(data.error));
    else done?.(data.value as never);
    return undefined;
  };
  worker.onerror = (e) => failAll(e.message || 'the worker stopped: reload the page.');
  return {
    call: (call, given) =>
      new Promise((done, failed) => {
        const id = ++last;
        waiting.set(id, { done, failed });
        worker.postMessage({ call, id, given } as Call);
      }),
    say: (call) => worker.postMessage({ call }),
    close() {
      worker.terminate();
      failAll('it was stopped.');
    },
  };
}
