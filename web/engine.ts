// The page's end of the worker: commands go out, messages become state. A worker that does not stop is replaced.

import workerAddress from 'virtual:worker';
import { signal } from '@preact/signals';
import { askedBy } from './address.ts';
import type { Command, Message } from './protocol.ts';
import { initial, type PageState, reduce, titleOf } from './state.ts';
import { way } from './way.ts';
import { missing } from './webgpu.ts';

/** Everything the page shows. */
export const page = signal<PageState>(initial);

/** Milliseconds that a run is given to end by itself after Stop: a step on a slow adapter takes seconds. */
const PATIENCE = 20_000;
const DOUBLE_CLICK = 400;

let worker: Worker | null = null;
let patience: ReturnType<typeof setTimeout> | undefined;

/** Starts the worker and opens model, data and adapter; says what is missing where the browser has no WebGPU. */
export function openEngine(): void {
  closeEngine();
  page.value = initial;
  const lack = missing(globalThis);
  if (lack) {
    page.value = { ...initial, phase: 'unsupported', trouble: { stage: 'open', text: lack } };
    return;
  }
  try {
    const asked = askedBy(location.search);
    worker = new Worker(workerAddress, { type: 'module', name: 'blocktune' });
    worker.onmessage = ({ data }: MessageEvent<Message>) => hear(data);
    worker.onerror = (e) =>
      hear({ kind: 'failed', stage: 'open', text: e.message || 'the worker did not start: reload the page.' });
    send({ kind: 'open', asked, places: places() });
  } catch (e) {
    hear({ kind: 'failed', stage: 'open', text: (e as Error).message });
  }
}

/** resume: goes on with the run that is kept. */
export function startRun(resume = false): void {
  page.value = {
    ...initial,
    subject: page.value.subject,
    examples: page.value.examples,
    phase: 'running',
    stage: 'warmup',
    began: performance.now(),
  };
  send({ kind: 'run', resume });
}

/** Asks the run to end at its next step. The second click of a double click on Start is none on Stop. */
export function stopRun(): void {
  if (performance.now() - page.value.began < DOUBLE_CLICK) return;
  page.value = { ...page.value, phase: 'stopping' };
  send({ kind: 'stop' });
  patience = setTimeout(openEngine, PATIENCE);
}

export function giveUp(): void {
  send({ kind: 'forget' });
}

export function askModel(prompt: string): void {
  page.value = { ...page.value, asking: prompt };
  send({ kind: 'ask', prompt });
}

function hear(message: Message): void {
  if (message.kind === 'stopped' || message.kind === 'finished' || message.kind === 'failed') clearTimeout(patience);
  page.value = reduce(page.value, message, performance.now());
  if (way.value === 'built-in') document.title = titleOf(page.value);
}

function send(command: Command): void {
  worker?.postMessage(command);
}

function closeEngine(): void {
  clearTimeout(patience);
  worker?.terminate();
  worker = null;
}

function places() {
  const at = (name: string) => new URL(name, document.baseURI).href;
  return { model: at('model/'), train: at('task/train.jsonl'), heldout: at('task/heldout.jsonl'), keep: at('task/keep.jsonl') };
}
