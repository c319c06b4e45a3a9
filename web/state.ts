// What the page knows, and how each message of the worker changes it. Pure: no DOM, no clock of its own.

import type { BlockPlace, Line } from '../src/report.ts';
import { normsIn } from './blocks.ts';
import type { AdapterFile, Example, MatrixScores, Message, Skill, Stage, Subject, ToldBefore, When } from './protocol.ts';

type Of<K extends Line['kind']> = Extract<Line, { kind: K }>;
export type StepLine = Of<'step'>;
export type SelectionLine = Of<'selection'>;
export type ExplainedLine = Of<'explained'>;
export type PlanLine = Of<'plan'>;
/** Of a held-out loss, what a curve needs. */
export type Held = Pick<Of<'eval'>, 'step' | 'loss'>;
/** Of a step, what is still known after the page was loaded anew. */
export type Told = Pick<StepLine, 'step' | 'loss' | 'grad_norm'>;
export type { BlockPlace };

export interface PageState {
  phase: 'opening' | 'ready' | 'running' | 'stopping' | 'done' | 'stopped' | 'failed' | 'unsupported';
  subject: Subject | null;
  /** Where the run is, and how far: units of the stage (prompts, micro-batches, steps). */
  stage: Stage;
  done: number;
  total: number;
  /** Milliseconds of the latest units of the stage, the newest last. */
  pace: number[];
  /** Steps that this page has seen; and those before them, of a run that goes on. */
  steps: StepLine[];
  earlier: Told[];
  selection: SelectionLine | null;
  /** Of every block that could train, where blocks are chosen by scores. */
  scores: readonly MatrixScores[] | null;
  /** How far each chosen block has moved so far, in the order of the selection. */
  norms: Float32Array | null;
  /** Why just these blocks, where scores decided on them. */
  explained: ExplainedLine | null;
  /** Memory of the training program: a bound until the blocks are known. */
  plan: PlanLine | null;
  allocated: number | null;
  /** Held-out loss as it is measured, by step. */
  held: Held[];
  /** Prompts that are answered before and after. */
  examples: Example[];
  answers: Record<When, Shown[]>;
  grades: Record<Skill, Record<When, Grade | null>>;
  adapter: AdapterFile[];
  finished: { steps: number; seconds: number; input_tokens: number; elapsed: number } | null;
  /** The step at which a run of the built-in task is kept that did not end. */
  kept: number | null;
  asking: string | null;
  replies: { prompt: string; before: string; after: string | null }[];
  trouble: { stage: Stage; text: string } | null;
  /** What the run warned of last and goes on after: a device that was lost. */
  warning: string | null;
  /** The report's lines, as `--json` prints them; the newest last. */
  log: string[];
  began: number;
  /** When the last unit arrived. */
  last: number;
}

/** The answer to a shown example, by its place among them. */
export interface Shown {
  text: string;
  right: boolean;
}

export interface Grade {
  right: number;
  of: number;
}

const PACE = 8;
const LOGGED = 400;

export const initial: PageState = {
  phase: 'opening',
  subject: null,
  stage: 'open',
  done: 0,
  total: 0,
  pace: [],
  steps: [],
  earlier: [],
  selection: null,
  scores: null,
  norms: null,
  explained: null,
  plan: null,
  allocated: null,
  held: [],
  examples: [],
  answers: { before: [], after: [] },
  grades: { new: { before: null, after: null }, old: { before: null, after: null } },
  adapter: [],
  finished: null,
  kept: null,
  asking: null,
  replies: [],
  trouble: null,
  warning: null,
  log: [],
  began: 0,
  last: 0,
};

/** The state after a message that arrived at `now` milliseconds. */
export function reduce(s: PageState, m: Heard, now: number): PageState {
  const next = told(s, m, now);
  return isLine(m) ? { ...next, log: [...s.log, JSON.stringify(m)].slice(-LOGGED) } : next;
}

/** A message, or that a unit of the stage is done which says nothing else. */
type Heard = Message | { kind: 'unit' };

function told(s: PageState, m: Heard, now: number): PageState {
  switch (m.kind) {
    case 'unit':
      return unit(s, now);
    case 'ready':
      return { ...s, phase: 'ready', subject: m.subject, examples: m.subject.examples };
    case 'stage':
      return enter(s, m.stage, m.total, now);
    case 'start':
      return m.phase === 'warmup' || m.phase === 'train' ? enter(s, m.phase, m.total, now) : s;
    case 'answered':
      return answered(unit(s, now), m);
    case 'graded':
      return { ...s, grades: { ...s.grades, [m.skill]: { ...s.grades[m.skill], [m.when]: { right: m.right, of: m.of } } } };
    case 'warmup':
      return unit(s, now);
    case 'step':
      return { ...unit(s, now), done: m.step, steps: [...s.steps, m] };
    case 'toldBefore':
      return goneOn(s, m);
    case 'kept':
      return { ...s, kept: m.step };
    case 'eval':
      return m.guard === undefined ? { ...s, held: [...s.held.filter(({ step }) => step !== m.step), m] } : s;
    case 'selection':
      return { ...s, selection: m };
    case 'scored':
      return { ...s, scores: m.scores };
    case 'moved':
      return { ...s, norms: m.norms };
    case 'blocks_update':
      return { ...s, norms: normsIn(m) };
    case 'explained':
      return { ...s, explained: m };
    case 'plan':
      return m.program === 'train' ? { ...s, plan: m } : s;
    case 'memory':
      return m.program === 'train' ? { ...s, allocated: m.allocated } : s;
    case 'adapter':
      return { ...s, adapter: m.files };
    case 'reply':
      return { ...s, asking: null, replies: [{ prompt: m.prompt, before: m.before, after: m.after }, ...s.replies] };
    case 'finished':
      return {
        ...s,
        phase: 'done',
        finished: { steps: m.steps, seconds: m.seconds, input_tokens: m.input_tokens, elapsed: (now - s.began) / 1000 },
      };
    case 'warning':
      return { ...s, warning: m.text };
    case 'note': // what follows a warning may take it back: there is room again
      return s.warning === null ? s : { ...s, warning: m.text };
    case 'stopped':
      return { ...s, phase: 'stopped' };
    case 'failed':
      return { ...s, phase: 'failed', asking: null, trouble: { stage: m.stage, text: m.text } };
    default:
      return s;
  }
}

function enter(s: PageState, stage: Stage, total: number, now: number): PageState {
  return { ...s, stage, total, done: 0, pace: [], last: now };
}

function unit(s: PageState, now: number): PageState {
  return { ...s, done: s.done + 1, pace: [...s.pace, now - s.last].slice(-PACE), last: now };
}

function answered(s: PageState, m: Extract<Message, { kind: 'answered' }>): PageState {
  if (m.skill !== 'new' || m.index >= s.examples.length) return s;
  const shown = [...s.answers[m.when]];
  shown[m.index] = { text: m.text, right: m.right };
  return { ...s, answers: { ...s.answers, [m.when]: shown } };
}

/** A run goes on: of what came after it was saved nothing counts, and what this page has not seen of it is told. */
function goneOn(s: PageState, { curve }: ToldBefore): PageState {
  const reached = curve.loss.length;
  const steps = s.steps.filter(({ step }) => step <= reached);
  const until = steps[0]?.step ?? reached + 1;
  const figure = (x: number | null) => x ?? Number.NaN;
  const earlier = curve.loss.slice(0, until - 1).map((loss, i) => ({
    step: i + 1,
    loss: figure(loss),
    grad_norm: figure(curve.grad_norm[i]),
  }));
  return { ...s, steps, earlier, held: curve.evals.map(([step, loss]) => ({ step, loss: figure(loss) })) };
}

/** Share (0 to 1) of the training that is behind. */
export const progressOf = ({ stage, done, total }: PageState): number => (stage === 'train' && total ? done / total : 1);

/** Seconds until the stage ends, by its latest units; null before the first. */
export function secondsLeft(s: PageState): number | null {
  if (!s.pace.length) return null;
  const mean = s.pace.reduce((a, b) => a + b, 0) / s.pace.length;
  return (mean * (s.total - s.done)) / 1000;
}

/** Input tokens a second over the latest steps; null before the first. */
export function tokensPerSecond(steps: StepLine[]): number | null {
  const latest = steps.slice(-PACE);
  const ms = latest.reduce((n, l) => n + l.ms, 0);
  return ms > 0 ? (1000 * latest.reduce((n, l) => n + l.input_tokens, 0)) / ms : null;
}

/** The tab's title: how far a run is, for those who look elsewhere meanwhile. */
export function titleOf({ phase, done, total }: PageState): string {
  if (phase === 'running' && total) return `${Math.round((100 * done) / total)} % · blocktune`;
  return phase === 'done' ? 'Done · blocktune' : 'blocktune';
}

const NOT_LINES = new Set([
  'toldBefore',
  'kept',
  'scored',
  'moved',
  'unit',
  'ready',
  'stage',
  'answered',
  'graded',
  'adapter',
  'reply',
  'finished',
  'stopped',
  'failed',
]);
const isLine = (m: Heard): m is Line => !NOT_LINES.has(m.kind);
