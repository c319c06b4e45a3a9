// What a person can do to a run: start it, hold it, stop it, ask the model, take the result.

import { type Options, withDefaults } from '../../src/options/table.ts';
import type { AdapterFile } from '../protocol.ts';
import { initial } from '../state.ts';
import type { Alike } from './calls.ts';
import { pastOf } from './history.ts';
import {
  asking,
  chatting,
  comparing,
  loading,
  options,
  past,
  paused,
  prompts,
  replies,
  restart,
  run,
  settled,
  worker,
} from './store.ts';
import { inPageWords } from './words.ts';

/** Milliseconds that a run is given to end by itself after Stop. */
const PATIENCE = 30_000;
const DOUBLE_CLICK = 400;
/** Runs that are kept side by side. */
const MOST = 12;

let patience: ReturnType<typeof setTimeout> | undefined;

export const startRun = (): Promise<boolean> => runWith(options.value);

/** This method and all others at its size, one after the other; stopping one stops them all. */
export async function compareAll(): Promise<void> {
  const all = await worker()
    .call('alike', options.value)
    .catch((e: Error): Alike[] => [{ method: settled.value.method, why: e.message }]);
  const said = all.flatMap(({ method, why }) => (why === undefined ? [] : [`${method} is left out: ${inPageWords(why)}`]));
  const runs = all.flatMap((one) => (one.why === undefined ? [one.o] : []));
  for (const [i, o] of runs.entries()) {
    comparing.value = { left: runs.length - i, said };
    if (!(await runWith(o))) break;
  }
  comparing.value = { left: 0, said };
}

/** Runs, and answers whether it came to its end. */
async function runWith(o: Options): Promise<boolean> {
  paused.value = false;
  run.value = { ...initial, phase: 'running', stage: 'open', began: performance.now() };
  const awake = await stayAwake();
  try {
    const ended = await worker().call('train', { o, prompts: prompts.value });
    const { steps, seconds, input_tokens } = ended;
    const finished = { steps, seconds, input_tokens, elapsed: (performance.now() - run.value.began) / 1000 };
    run.value = { ...run.value, phase: ended.stopped ? 'stopped' : 'done', finished: ended.stopped ? null : finished };
    if (steps > 0) past.value = [...past.value, pastOf(run.value, withDefaults(o), ended, past.value.length + 1)].slice(-MOST);
    return !ended.stopped;
  } catch (e) {
    const { stage } = run.value;
    run.value = { ...run.value, phase: 'failed', trouble: { stage, text: inPageWords((e as Error).message) } };
    return false;
  } finally {
    clearTimeout(patience);
    loading.value = null;
    paused.value = false;
    void awake?.release();
  }
}

/** Keeps the screen from sleeping while a run goes on, where the browser has a way to: a sleeping device computes nothing. */
const stayAwake = () => navigator.wakeLock?.request('screen').catch(() => undefined);

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
    replies.value = [{ prompt, before: null, after: null, fault: inPageWords((e as Error).message) }, ...replies.value];
  } finally {
    asking.value = false;
  }
}

export const takeResult = (): Promise<AdapterFile[]> => worker().call('result', null);
