// One run of the page as a story, in the worker: open, tune, answer as the base does and as the tuned model does, hand over the adapter.
// The page hears of it in messages; nothing here knows the page. Training comes first: answers of the base are the same after it, with
// what was trained taken off, and nobody waits for them before the loss begins to fall.

import { loadOn, openFiles, openRows } from '../src/commands/open.ts';
import { methodFrom, tuneOptions } from '../src/commands/settings.ts';
import type { Settled } from '../src/options/table.ts';
import {
  type Attached,
  answerRows,
  type CheckpointOptions,
  causeOf,
  closeGpu,
  compileAhead,
  endsOf,
  expectedAnswer,
  type IndexedRow,
  type Life,
  longestOf,
  type Model,
  type OpenModel,
  openFor,
  positionsToAnswer,
  promptIds,
  putOn,
  type RecordedRun,
  removeAdapter,
  survive,
  takeOff,
  targetsOf,
  tune,
} from '../src/parts.ts';
import type { Report } from '../src/report.ts';
import { heardBy } from './blocks.ts';
import { fetchModel } from './files.ts';
import { forgetRun, goingOn, keptIn, keptRun } from './keep.ts';
import type { Command, Message, Skill, Stage, Subject, When } from './protocol.ts';
import { recipeFor } from './recipe.ts';
import { filesOf } from './result.ts';

export interface Session {
  tell: (message: Message) => void;
  stage: Stage;
  opened: Ready | null;
}

/** Files and rows that are read once, and the model on the device: as it was stored, or tuned by the last run. */
interface Ready {
  o: Settled;
  files: OpenModel;
  rows: IndexedRow[];
  exams: Record<Skill, IndexedRow[]>;
  positions: number;
  model: Model | null;
  tuned: RecordedRun | null;
}

/** Held-out prompts that are shown with their answers. */
const SHOWN = 6;
/** On a processor every token takes a while, so fewer prompts are asked. */
const ASKED = { software: 24, gpu: 64 };
/** Room for a person's own prompt and its answer, in tokens. */
const ROOM = 96;

export const newSession = (tell: Session['tell']): Session => ({ tell, stage: 'open', opened: null });

/** Reads the files, finds the adapter, puts the model on it, and tells what is about to be tuned. */
export async function open(s: Session, { places, asked }: Extract<Command, { kind: 'open' }>): Promise<void> {
  s.stage = 'open';
  const o = recipeFor(asked);
  const files = await openFiles(o, await fetchModel(places.model), s.tell);
  const read = (place: string) => openRows(o, files, [place], s.tell);
  const { rows } = await read(places.train);
  const exams = { new: (await read(places.heldout)).rows, old: (await read(places.keep)).rows };
  const longest = Math.max(ROOM, longestOf(rows, exams.new, exams.old));
  const positions = Math.max(longest + 1, positionsToAnswer(exams.new), positionsToAnswer(exams.old));
  const ready: Ready = { o, files, rows, exams, positions, model: null, tuned: null };
  const { gpu } = await modelOf(s, ready, { losses: 0, report: s.tell });
  for (const skill of ['new', 'old'] as const)
    exams[skill] = exams[skill].slice(0, asked.eval ?? (gpu.software ? ASKED.software : ASKED.gpu));
  s.opened = ready;
  s.tell({ kind: 'ready', subject: subjectOf(ready) });
  await tellKept(s, ready);
  // while nobody has pressed the button yet
  await compileAhead(ready.model!, { rows }, settingsOf(ready)).catch(() => {});
}

const settingsOf = ({ o }: Ready) => ({ ...tuneOptions(o, methodFrom(o)), autotune: false });

/** The whole run, on the model as it is stored: a second run starts where the first did. resume: goes on with the run that is kept. */
export async function run(s: Session, resume: boolean, signal: AbortSignal): Promise<void> {
  const ready = s.opened;
  if (!ready) throw new Error('expected an open model, got a run before it: reload the page.');
  const checkpoints = await keptIn('built-in', resume);
  try {
    await survive((life) => knowing(ready, () => tuneOn(s, ready, { life, checkpoints, signal })), s.tell);
  } finally {
    await tellKept(s, ready);
  }
}

/** Says whether a run is kept that did not end; one of other settings, asked for by another address, is none. */
async function tellKept(s: Session, { o }: Ready): Promise<void> {
  const found = await keptRun('built-in');
  const same = found?.of.settings.steps === o.steps && found?.of.settings.warmupSteps === o.warmupSteps;
  s.tell({ kind: 'kept', step: found && same ? found.step : null });
}

/** Gives up the run that is kept. */
export async function forget(s: Session): Promise<void> {
  await forgetRun('built-in');
  s.tell({ kind: 'kept', step: null });
}

interface Around {
  life: Life;
  checkpoints?: CheckpointOptions;
  signal: AbortSignal;
}

async function tuneOn(s: Session, ready: Ready, { life, checkpoints, signal }: Around): Promise<void> {
  const model = await freshModel(s, ready, life);
  s.stage = 'warmup';
  const settings = { ...settingsOf(ready), life, checkpoints, ...heardBy(s.tell), ...goingOn(s.tell) };
  const follow: Report = (line) => {
    if (line.kind === 'start' && (line.phase === 'warmup' || line.phase === 'train')) s.stage = line.phase;
    life.report(line);
  };
  if (!signal.aborted) ready.tuned = await tune(model, { rows: ready.rows }, settings, follow, signal);
  const { tuned } = ready;
  if (signal.aborted || !tuned?.made) return s.tell({ kind: 'stopped' });
  await asBase(tuned.made.attached, () => examine(s, ready, model, 'before', signal));
  await examine(s, ready, model, 'after', signal);
  if (signal.aborted) return s.tell({ kind: 'stopped' });
  s.stage = 'save';
  s.tell({ kind: 'adapter', files: await filesOf(model, tuned, ready.o.given) });
  await forgetRun('built-in');
  s.tell({ kind: 'finished', steps: tuned.steps, seconds: tuned.seconds, input_tokens: tuned.inputTokens });
}

/** A person's own prompt, answered by the base and, where a run has ended, by the tuned model. */
export async function ask(s: Session, prompt: string): Promise<void> {
  const ready = s.opened;
  if (!ready) throw new Error('expected an open model, got a prompt before it: reload the page.');
  await knowing(ready, () => answerOn(s, ready, prompt));
}

async function answerOn(s: Session, ready: Ready, prompt: string): Promise<void> {
  const model = await modelOf(s, ready, { losses: 0, report: s.tell });
  const ids = await promptIds(ready.files, prompt);
  const room = ready.positions - 1 - ids.length;
  if (ids.length < 1 || room < 1)
    throw new Error(`expected a prompt of 1 to ${ready.positions - 2} tokens, got ${ids.length}: shorten it.`);
  const row = { ids, labels: ids, promptLength: ids.length };
  const answer = async () => {
    const eos = endsOf(ready.files);
    const [made] = await answerRows(model, [row], { eos, max_new_tokens: Math.min(room, 48) });
    return textOf(ready, made.ids);
  };
  const attached = ready.tuned?.made?.attached;
  const after = attached ? await answer() : null;
  const before = await (attached ? asBase(attached, answer) : answer());
  s.tell({ kind: 'reply', prompt, before, after });
}

/** What the base does: it is the same weights without what was trained beside them. */
async function asBase<T>(attached: Attached, f: () => Promise<T>): Promise<T> {
  takeOff(attached);
  try {
    return await f();
  } finally {
    putOn(attached);
  }
}

async function examine(s: Session, ready: Ready, model: Model, when: When, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  s.stage = when;
  s.tell({ kind: 'stage', stage: when, total: ready.exams.new.length + ready.exams.old.length });
  for (const skill of ['new', 'old'] as const) await examineSkill(s, ready, model, when, skill, signal);
}

async function examineSkill(
  s: Session,
  ready: Ready,
  model: Model,
  when: When,
  skill: Skill,
  signal: AbortSignal,
): Promise<void> {
  const rows = ready.exams[skill];
  if (!rows.length || signal.aborted) return;
  const eos = endsOf(ready.files);
  const answers = await answerRows(model, rows, { eos, signal }, ({ row, ids, right }) =>
    s.tell({ kind: 'answered', when, skill, index: row, text: textOf(ready, ids), right }),
  );
  if (answers.length === rows.length)
    s.tell({ kind: 'graded', when, skill, right: answers.filter((a) => a.right).length, of: answers.length });
}

/** The model on the device; opened again where the device was lost. */
async function modelOf(s: Session, ready: Ready, life: Pick<Life, 'losses' | 'report'>): Promise<Model> {
  if (ready.model && !ready.model.gpu.failed) return ready.model;
  if (ready.model) closeGpu(ready.model.gpu);
  ready.tuned = null;
  ready.model = null;
  const gpu = await openFor(life, { device: ready.o.device });
  try {
    ready.model = await loadOn(gpu, ready.o, { opened: ready.files, longest: ready.positions }, s.tell);
    return ready.model;
  } catch (e) {
    const cause = await causeOf(gpu, e);
    closeGpu(gpu);
    throw cause;
  }
}

/** An error told by the loss of the device, where it came of that. */
async function knowing<T>(ready: Ready, f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (e) {
    throw ready.model ? await causeOf(ready.model.gpu, e) : e;
  }
}

/** The model without what an earlier run left on it. */
async function freshModel(s: Session, ready: Ready, life: Life): Promise<Model> {
  const model = await modelOf(s, ready, life);
  if (ready.tuned) removeAdapter(ready.tuned.made);
  ready.tuned = null;
  return model;
}

function subjectOf(ready: Ready): Subject {
  const { gpu, decoder, files } = ready.model!;
  const parameters = [...files.tensors.values()].reduce((n, t) => n + t.shape.reduce((a, b) => a * b, 1), 0);
  const modules = Object.keys(decoder.layers[0].matrices) as (keyof (typeof decoder.layers)[0]['matrices'])[];
  return {
    parameters,
    matrices: targetsOf(decoder, modules).map(({ layer, module, rows, cols }) => ({ layer, module, rows, cols })),
    rows: ready.rows.length,
    examples: ready.exams.new.slice(0, SHOWN).map((row) => ({
      prompt: textOf(ready, row.ids.subarray(0, row.promptLength)),
      expected: textOf(ready, expectedAnswer(row)),
    })),
    device: { name: gpu.name, software: gpu.software },
  };
}

const textOf = ({ files }: Ready, ids: ArrayLike<number>) => files.tokenizer.decode(ids, { skip_special: true }).trim();
