// What a person can do to a run: start it, hold it, stop it, ask the model, take the result.

import type { AdapterFile } from '../protocol.ts';
import { initial } from '../state.ts';
import { asking, chatting, loading, options, paused, prompts, replies, restart, run, worker } from './store.ts';
import { inPageWords } from './words.ts';

/** Milliseconds that a run is given to end by itself after Stop. */
const PATIENCE = 30_000;
const DOUBLE_CLICK = 400;

let patience: ReturnType<typeof setTimeout> | undefined;

export async function startRun(): Promise<void> {
  paused.value = false;
  run.value = { ...initial, phase: 'running', stage: 'open', began: performance.now() };
  try {
    const ended = await worker().call('train', { o: options.value, prompts: prompts.value });
    const { steps, seconds, input_tokens } = ended;
    const finished = { steps, seconds, input_tokens, elapsed: (performance.now() - run.value.began) / 1000 };
    run.value = { ...run.value, phase: ended.stopped ? 'stopped' : 'done', finished: ended.stopped ? null : finished };
  } catch (e) {
    const { stage } = run.value;
    run.value = { ...run.value, phase: 'failed', trouble: { stage, text: inPageWords((e as Error).message) } };
  } finally {
    clearTimeout(patience);
    loading.value = null;
    paused.value = false;
  }
}

/** Asks the run to end at its next step. The second click of a double click on Start is none on Stop. */
export function stopRun(): void {
  if (performance.now() - run.value.began < DOUBLE_CLICK) return;
  run.value = { ...run.value, phase: 'stopping' };
  worker().say('stop');
  patience = setTimeout(restart, PATIENCE);
}

export function pauseRun(): void {
  paused.value = !paused.value;
  worker().say(paused.value ? 'pause' : 'resume');
}

export async function askModel(prompt: string): Promise<void> {
  asking.value = true;
  try {
    replies.value = [await worker().call('ask', { prompt, chat: chatting.value }), ...replies.value];
  } catch (e) {
    replies.value = [{ prompt, before: inPageWords((e as Error).message), after: null }, ...replies.value];
  } finally {
    asking.value = false;
  }
}

export const takeResult = (): Promise<AdapterFile[]> => worker().call('result', null);
