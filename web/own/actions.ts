// What a person can do to a run: start it, hold it, stop it, ask the model, take the result.

import { effect } from '@preact/signals';
import { type Options, withDefaults } from '../../src/options/table.ts';
import type { AdapterFile } from '../protocol.ts';
import { initial } from '../state.ts';
import { offBlocks } from './ablation.ts';
import { adapters, by } from './adapters.ts';
import type { Alike } from './calls.ts';
import { forgetExports } from './exports.ts';
import { atEqualTime, type By, pastOf } from './history.ts';
import { withPlaces } from './recipe-text.ts';
import { ENDLESS } from './stages.ts';
import {
  asking,
  chatting,
  chooseData,
  chooseModel,
  comparing,
  data,
  fitted,
  given,
  heldFiles,
  loading,
  lookForUnfinished,
  model,
  modelFrom,
  options,
  past,
  paused,
  plan,
  prompts,
  replies,
  restart,
  result,
  run,
  running,
  set,
  settled,
  temperature,
  trainFiles,
  unfinished,
  worker,
} from './store.ts';
import { forget, remember } from './unfinished.ts';
import { inPageWords } from './words.ts';

/** Milliseconds that a run is given to end by itself after Stop. */
const PATIENCE = 30_000;
const DOUBLE_CLICK = 400;
/** Runs that are kept side by side. */
const MOST = 12;

let patience: ReturnType<typeof setTimeout> | undefined;

/** A press while the plan is made anew, as it is when a field is left for the button, waits for it. */
export async function startRun(): Promise<boolean> {
  if (pressed) return false;
  pressed = true;
  const fits = await until(() => {
    if (model.value.state !== 'there' || data.value.state !== 'there' || plan.value.state === 'failed') return false;
    return plan.value.state === 'there' ? !plan.value.value.over : undefined;
  });
  pressed = false;
  return fits && runWith(options.value);
}

let pressed = false;

/**
 * This method and all others at its size, one after the other; stopping one stops them all. By time: the others have as long as this one
 * takes, at rates that stay as they are.
 */
export async function compareAll(by: By): Promise<void> {
  if (running.value || comparing.value?.left) return; // the second click of a double click
  comparing.value = { left: 1, said: [] };
  const all = await worker()
    .call('alike', by === 'time' ? atEqualTime(options.value, stepsPlanned()) : options.value)
    .catch((e: Error): Alike[] => [{ method: settled.value.method, why: e.message }]);
  const said = all.flatMap(({ method, why }) => (why === undefined ? [] : [`${method} is left out: ${inPageWords(why)}`]));
  const runs = all.flatMap((one) => (one.why === undefined ? [one.o] : []));
  let within: number | undefined;
  for (const [i, o] of runs.entries()) {
    comparing.value = { left: runs.length - i, said };
    if (!(await runWith(o, { by, within }))) break;
    if (by === 'time') within ??= past.value.at(-1)!.seconds;
  }
  comparing.value = { left: 0, said };
}

/** Opens again what an unfinished run was of, and goes on with it. */
export async function goOn(): Promise<void> {
  const of = unfinished.value;
  if (!of) return;
  unfinished.value = null;
  const { from, train, held } = of;
  if (!('files' in from) || from.files.length) await chooseModel(from);
  await chooseData(train, held);
  [given.value, prompts.value] = [of.given, of.prompts];
  if (await planned()) await runWith(options.value, { resume: true });
  else unfinished.value = of;
}

/** Whether what is chosen comes to a plan. */
const planned = () =>
  until(() => {
    const states = [model.value.state, data.value.state, plan.value.state];
    return states[2] === 'there' || (states.includes('failed') ? false : undefined);
  });

/** The first answer that what is shown gives. */
function until<T>(answer: () => T | undefined): Promise<T> {
  return new Promise((done) => {
    const stop = effect(() => {
      const said = answer();
      if (said === undefined) return;
      done(said);
      queueMicrotask(() => stop());
    });
  });
}

/** Changes options until the run fits, and says which. */
export async function makeFit(): Promise<void> {
  try {
    const { changes, said } = await worker().call('fit', options.value);
    if (changes) set(changes);
    fitted.value = changes ? said : ['Nothing here makes it fit: a smaller model or shorter rows would.', ...said];
  } catch (e) {
    fitted.value = [inPageWords((e as Error).message)];
  }
}

/** Gives an unfinished run up. */
export async function giveUp(): Promise<void> {
  unfinished.value = null;
  await forget();
  await worker().call('forget', null);
}

/** Keeps what a run is of beside its checkpoints; what another tab keeps is left alone. */
async function keep(o: Options): Promise<void> {
  const [from, train] = [modelFrom.value, trainFiles.value];
  if (!from || !train || !(await worker().call('place', null))) return;
  const held = heldFiles.value;
  await remember({ from, train, held, given: held ? { ...o, eval: undefined } : o, prompts: prompts.value });
}

/** With model and data by their names, as the receipt of the run has them. */
const named = (o: Options) => withPlaces(o, { model: modelFrom.value, train: trainFiles.value, held: heldFiles.value });

const stepsPlanned = () => (plan.value.state === 'there' ? plan.value.value.steps : settled.value.steps);

/** How a run is meant: resume: from where the run that is kept was saved last; by: one of a comparison, which ends within seconds or at its end. */
interface Meant {
  resume?: boolean;
  by?: By;
  within?: number;
}

/** Runs, and answers whether it came to its end. */
async function runWith(given: Options, { resume = false, by: compared, within }: Meant = {}): Promise<boolean> {
  const o = within === undefined ? given : { ...given, steps: ENDLESS, epochs: undefined };
  const number = (past.value.at(-1)?.number ?? 0) + 1;
  unfinished.value = null;
  paused.value = false;
  result.value = null;
  forgetExports();
  run.value = { ...initial, phase: 'running', stage: 'open', began: performance.now() };
  const awake = await stayAwake();
  void navigator.storage?.persist?.();
  const kept = (within === undefined ? keep(o) : Promise.resolve()).catch(() => {}); // a large model takes a while to copy, and the run does not wait for it
  try {
    const ended = await worker().call('train', { o: named(o), number, prompts: prompts.value, resume, within });
    const { steps, seconds, input_tokens } = ended;
    const finished = { steps, seconds, input_tokens, elapsed: (performance.now() - run.value.began) / 1000 };
    run.value = { ...run.value, phase: ended.stopped ? 'stopped' : 'done', finished: ended.stopped ? null : finished };
    if (steps > 0) result.value = { model: ended.model, blocks: !ended.model && run.value.selection !== null };
    if (steps > 0) past.value = [...past.value, pastOf(run.value, withDefaults(given), ended, number, compared)].slice(-MOST);
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
    if (run.value.phase !== 'done') void kept.then(lookForUnfinished);
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

let askedAt = 0;

/** Ends the answer under way; not by the second click of a double click on Ask. */
export function stopAnswer(): void {
  if (performance.now() - askedAt > DOUBLE_CLICK) worker().say('stop');
}

export async function askModel(prompt: string): Promise<void> {
  askedAt = performance.now();
  asking.value = true;
  replies.value = [{ prompt, before: null, after: null }, ...replies.value];
  const seed = Math.floor(2 ** 31 * Math.random()); // drawn anew, each time
  const name = adapters.value.find(([value]) => value === by.value)?.[1];
  const asked = {
    prompt,
    chat: chatting.value,
    off: offBlocks.value,
    by: by.value || null,
    temperature: temperature.value,
    seed,
  };
  const reply = await worker()
    .call('ask', asked)
    .catch((e: Error) => ({ prompt, before: null, after: null, fault: inPageWords(e.message) }));
  replies.value = [{ ...reply, by: name }, ...replies.value.slice(1)];
  asking.value = false;
}

/** The files of the result; once they are made, nothing is left to go on with. */
export async function takeResult(): Promise<AdapterFile[]> {
  const files = await worker().call('result', null);
  if (run.value.phase === 'done') await giveUp();
  return files;
}
