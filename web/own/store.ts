// What the page knows of one's own model and data, and what can be done to it. All state is here, as signals; views only read it.

import workerAddress from 'virtual:worker';
import { batch, computed, effect, signal } from '@preact/signals';
import { contradiction } from '../../src/options/rules.ts';
import { type Key, type Options, withDefaults } from '../../src/options/table.ts';
import type { Columns, Look } from '../../src/parts.ts';
import { grouped } from '../format.ts';
import type { Scores } from '../protocol.ts';
import { initial, type PageState, titleOf } from '../state.ts';
import { way } from '../way.ts';
import { missing } from '../webgpu.ts';
import type {
  DataFacts,
  Event,
  FileFrom,
  GpuFacts,
  ModelFacts,
  ModelFrom,
  PlanFacts,
  Reply,
  SeenToken,
  Show,
  Written,
} from './calls.ts';
import type { Left } from './export-words.ts';
import { effective } from './form.ts';
import type { Past } from './history.ts';
import { hearRun } from './run.ts';
import { type RunOf, remembered } from './unfinished.ts';
import { inPageWords } from './words.ts';
import { type Caller, callerOf } from './worker-calls.ts';

/** A thing that is being made, is there, or could not be made and why. */
export type Part<T> =
  | { state: 'none' }
  | { state: 'busy'; what: string }
  | { state: 'there'; value: T }
  | { state: 'failed'; text: string };

const none = { state: 'none' } as const;

export const gpu = signal<Part<GpuFacts>>(none);
export const model = signal<Part<ModelFacts>>(none);
/** What was chosen, before and while it is read. */
export const modelFrom = signal<ModelFrom | null>(null);
/** Why what was to take the model's place did not; the model is still there. */
export const unopened = signal('');
export const trainFiles = signal<FileFrom[] | null>(null);
export const heldFiles = signal<FileFrom[] | null>(null);
export const looks = signal<Look[]>([]);
export const data = signal<Part<DataFacts>>(none);
/** Sentences on files that were dropped and are of no use. */
export const refused = signal<string[]>([]);
/** Options as written; those of other methods are kept and do not count. */
export const given = signal<Options>({});
/** Fields in which something stands that cannot be. */
export const faulty = signal<Key[]>([]);
/** The GPU that the time of a step is estimated for. */
export const speedOf = signal('');
export const plan = signal<Part<PlanFacts>>(none);
/** What was changed to make a run fit. */
export const fitted = signal<string[]>([]);
export const run = signal<PageState>(initial);
/** While a run is under way neither another model nor other data can be chosen: it has the worker to itself. */
export const running = computed(() => run.value.phase === 'running' || run.value.phase === 'stopping');
/** The scores of the blocks that were made last on this model and data. */
export const scored = signal<Scores | null>(null);
export const prompts = signal(3);
/** Runs on this model and data that ended, and what is said of a comparison. */
export const past = signal<Past[]>([]);
export const comparing = signal<{ left: number; said: string[] } | null>(null);
/** What the last run left; null where it left nothing. */
export const result = signal<Left | null>(null);
export const paused = signal(false);
export const replies = signal<Reply[]>([]);
export const asking = signal(false);
/** Of answers: 0 takes the likeliest token. */
export const temperature = signal(0);
/** A prompt is a user's message, in the model's template. */
export const chatting = signal(false);
/** A run that did not end, and the step that it was saved at. */
export const unfinished = signal<(RunOf & { step: number }) | null>(null);
/** How far the export that is under way is. */
export const written = signal<Written>('asking');
/** Bytes read of what is being opened, since when and from how many on. */
export const loading = signal<{ done: number; all: number | null; since: number; from: number } | null>(null);

/** The options that count, and what contradicts in them. */
export const options = computed<Options>(() => {
  const held = heldFiles.value;
  return { ...effective(given.value), ...(held && { eval: held[0].name }) };
});
export const settled = computed(() => withDefaults(options.value));
export const clash = computed(() => {
  const fault = contradiction('train', options.value);
  return fault === undefined ? null : inPageWords(fault);
});

let caller: Caller | null = null;

/** The worker, started when it is first asked for. */
export function worker(): Caller {
  caller ??= callerOf(new Worker(workerAddress, { type: 'module', name: 'blocktune' }), hear);
  return caller;
}

/** Starts anew with another worker: what was open is opened again. */
export function restart(): void {
  caller?.close();
  caller = null;
  const from = modelFrom.value;
  batch(() => {
    for (const part of [gpu, model, data, plan]) part.value = none;
    run.value = initial;
    paused.value = false;
  });
  void start().then(() => from && chooseModel(from));
}

/** The bench as it is first shown: it follows what is chosen, and finds the GPU. */
export function openBench(): void {
  follow();
  void start().then(lookForUnfinished);
}

/** Whether a run is kept in this browser that can be gone on with; while one is under way there is none. */
export async function lookForUnfinished(): Promise<void> {
  const of = await remembered();
  const step =
    of &&
    (await worker()
      .call('kept', null)
      .catch(() => null));
  if (of && step !== null && !running.value) unfinished.value = { ...of, step };
}

/** Finds the GPU; says what is missing where there is none. */
export async function start(): Promise<void> {
  const lack = missing(globalThis);
  if (lack) gpu.value = { state: 'failed', text: lack };
  else await fill(gpu, 'Looking for a GPU.', () => worker().call('gpu', null));
}

function hear(event: Event): void {
  if (event.kind === 'bytes') {
    const { done, all } = event;
    const { since, from } = loading.value ?? { since: performance.now(), from: done };
    loading.value = done === all ? null : { done, all, since, from };
  } else if (event.kind === 'writing') {
    written.value = event.done;
  } else if (event.kind === 'saying') {
    const [now, ...before] = replies.value;
    if (asking.value && now) replies.value = [{ ...now, ...event.reply }, ...before];
  } else if (event.kind === 'reading') {
    if (data.value.state === 'busy') data.value = { state: 'busy', what: `Reading the rows: ${grouped(event.rows)} so far.` };
  } else {
    if (event.kind === 'scored') scored.value = event;
    run.value = hearRun(run.value, event, performance.now());
  }
}

/** Opens a model in the place of the one before it, which stays where that fails; the data is read again by its tokenizer. */
export async function chooseModel(from: ModelFrom): Promise<void> {
  const [was, wasFrom] = [model.value, modelFrom.value];
  batch(() => {
    modelFrom.value = from;
    unopened.value = '';
    loading.value = null;
  });
  await fill(model, `Opening ${from.name}.`, () => worker().call('model', from));
  const now = model.value;
  batch(() => {
    if (now.state === 'failed' && was.state === 'there')
      [model.value, modelFrom.value, unopened.value] = [was, wasFrom, now.text];
    else if (now.state === 'there') {
      run.value = initial;
      replies.value = [];
      past.value = [];
      data.value = none;
      plan.value = none;
    }
  });
}

/** Rows from which on some are held out without being asked. */
const ENOUGH_TO_HOLD_OUT = 20;

/** Data to look at that was chosen: the last choice counts, however long an earlier one takes. */
let choices = 0;

/** Takes data to train on in the place of what is there: looked at first, and left where it cannot be read at all. */
export async function chooseData(files: FileFrom[], held: FileFrom[] | null = null): Promise<void> {
  const choice = ++choices;
  refused.value = [];
  if (!trainFiles.value) data.value = { state: 'busy', what: 'Reading the data.' };
  const found = await worker()
    .call('look', files)
    .catch((e: Error) => inPageWords(e.message));
  if (choice !== choices) return;
  if (typeof found === 'string') {
    if (trainFiles.value) refused.value = [...refused.value, found];
    else data.value = { state: 'failed', text: found };
    return;
  }
  const rows = found.reduce((n, look) => n + look.rows, 0);
  batch(() => {
    run.value = initial;
    past.value = [];
    plan.value = none;
    data.value = none;
    looks.value = found;
    trainFiles.value = files;
    heldFiles.value = held;
    set({
      columns: undefined,
      skipBadRows: undefined,
      eval: held || rows < ENOUGH_TO_HOLD_OUT ? undefined : (given.value.eval ?? '10%'),
    });
  });
}

/** Takes rows of a file of their own to hold out; null goes back to a share. */
export function chooseHeld(files: FileFrom[] | null): void {
  batch(() => {
    heldFiles.value = files;
    if (files) set({ eval: undefined });
  });
}

/** Sets an option; undefined takes it back. */
export function set(changes: Options): void {
  fitted.value = [];
  given.value = Object.fromEntries(Object.entries({ ...given.value, ...changes }).filter(([, value]) => value !== undefined));
}

/** Roles and columns as an option. */
export const setColumns = (columns: Columns | null): void =>
  set({
    columns: columns
      ? Object.entries(columns)
          .map(([role, column]) => `${role}=${column}`)
          .join(',')
      : undefined,
  });

export const rowsOf = (show: Show, from: number, count: number): Promise<SeenToken[][]> =>
  worker().call('rows', { show, from, count });

/** Runs what makes a part, and keeps what it came to; a newer one wins. */
const turns = new WeakMap<object, number>();
async function fill<T>(part: { value: Part<T> }, what: string, make: () => Promise<T>): Promise<void> {
  const turn = (turns.get(part) ?? 0) + 1;
  turns.set(part, turn);
  part.value = { state: 'busy', what };
  const made: Part<T> = await make().then(
    (value) => ({ state: 'there', value }),
    (e: Error) => ({ state: 'failed', text: inPageWords(e.message) }),
  );
  if (turns.get(part) === turn) part.value = made;
}

/** Of the options, those that decide how rows are read: the data is read again when one of them changes. */
const READING = ['columns', 'template', 'learn', 'date', 'maxLength', 'skipBadRows', 'eval', 'seed'] as const;
const reading = computed(() => JSON.stringify(READING.map((key) => options.value[key] ?? null)));
const SOON = 150;

let readSoon: ReturnType<typeof setTimeout> | undefined;
let planSoon: ReturnType<typeof setTimeout> | undefined;

/** Reads data and plans whenever what they depend on has changed. */
function follow(): void {
  effect(() => {
    if (way.value === 'own') document.title = titleOf(run.value);
  });
  effect(() => {
    const [train, held] = [trainFiles.value, heldFiles.value];
    void reading.value;
    clearTimeout(readSoon);
    if (model.value.state !== 'there' || !train) return;
    readSoon = setTimeout(() => {
      plan.value = none;
      scored.value = null;
      const o = options.peek();
      void fill(data, 'Reading the rows.', () => worker().call('data', { train, held, o }));
    }, SOON);
  });
  effect(() => {
    const o = options.value;
    const gpu = speedOf.value || null;
    clearTimeout(planSoon);
    if (data.value.state !== 'there') return;
    if (clash.value) plan.value = { state: 'failed', text: clash.value };
    else planSoon = setTimeout(() => void fill(plan, 'Planning.', () => worker().call('plan', { o, gpu })), SOON);
  });
}
