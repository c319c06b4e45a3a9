// Runs that ended, side by side: what each was, what it took, what it came to. Kept as long as the model is.

import { type Options, type Settled, withDefaults } from '../../src/options/table.ts';
import { type Held, type PageState, type Shown, type Told, tokensPerSecond } from '../state.ts';
import { mean } from '../view/mean.ts';
import type { Finished } from './calls.ts';

/** What runs of a comparison have in common beside their size: the number of steps, or the time. */
export type By = 'size' | 'time';

export interface Past {
  /** Its place among all runs, from 1. */
  number: number;
  method: string;
  /** It left an adapter, which can be asked again. */
  adapter: boolean;
  /** What was said beside the method, and what it was a comparison by, in a few words. */
  settings: string;
  trainable: number | null;
  bytes: number | null;
  steps: Told[];
  held: Held[];
  /** The running mean at the end, nats. */
  loss: number | null;
  heldLoss: number | null;
  seconds: number;
  tokensPerSecond: number | null;
  right: { before: number; after: number; of: number } | null;
  /** Prompts with the right answer, the base's and this run's. */
  asked: { prompt: string; expected: string; before?: Shown; after?: Shown }[];
}

/** Settings that are worth a word. */
const WORTH = ['budget', 'rank', 'layers', 'targets', 'lr', 'batch', 'accumulate', 'seed'] as const;

const BY: Record<By, string> = { size: 'in as many steps', time: 'in the same time' };

/** Options of a run in a comparison at equal time: how long it is does not decide on its rates. */
export function atEqualTime(o: Options, steps: number | undefined): Options {
  const { lrWarmup } = withDefaults(o);
  return { ...o, schedule: 'constant', lrWarmup: lrWarmup < 1 ? Math.round(lrWarmup * (steps ?? 0)) : lrWarmup };
}

/** The prompts that any of the runs was asked, with the base's answer and each run's, in the order of the runs. */
export function sideBySide(runs: readonly Past[]) {
  const found = new Map(runs.flatMap((r) => r.asked.map((a) => [a.prompt, a] as const)));
  return [...found].map(([prompt, { expected }]) => {
    const of = runs.map((r) => r.asked.find((a) => a.prompt === prompt));
    return { prompt, expected, base: of.find((a) => a?.before)?.before, answers: of.map((a) => a?.after) };
  });
}

/** What is kept of a run that ended. */
export function pastOf(s: PageState, { given }: Settled, ended: Finished, number: number, by?: By): Past {
  const asked = s.examples.length;
  const right = (when: 'before' | 'after') => s.answers[when].filter((a) => a?.right).length;
  const steps = [...s.earlier, ...s.steps];
  const said = WORTH.filter((key) => given[key] !== undefined).map((key) => `${key} ${[given[key]].flat().join(',')}`);
  return {
    number,
    method: withDefaults(given).method,
    adapter: !ended.model,
    settings: [...said, ...(by ? [BY[by]] : [])].join(', '),
    trainable: s.plan?.trainable ?? null,
    bytes: s.plan?.bytes.total ?? null,
    steps,
    held: s.held,
    loss: mean(steps.map((l) => l.loss)).at(-1) ?? null,
    heldLoss: s.held.at(-1)?.loss ?? null,
    seconds: ended.warmup_seconds + ended.seconds,
    tokensPerSecond: tokensPerSecond(s.steps),
    asked: s.examples.map((example, i) => ({ ...example, before: s.answers.before[i], after: s.answers.after[i] })),
    right: asked && s.answers.after.length ? { before: right('before'), after: right('after'), of: asked } : null,
  };
}

/** Curves of several runs over the steps of any: held-out losses where there are some, else running means. */
export function overlaid(runs: readonly Past[]): { x: number[]; y: (number | null)[][]; of: 'held-out' | 'training' } {
  const held = runs.every((r) => r.held.length > 1);
  const points = runs.map((r) => {
    const smooth = mean(r.steps.map((l) => l.loss));
    return new Map(held ? r.held.map((l) => [l.step, l.loss]) : r.steps.map((l, i) => [l.step, smooth[i]]));
  });
  const x = [...new Set(points.flatMap((p) => [...p.keys()]))].sort((a, b) => a - b);
  return { x, y: points.map((p) => x.map((step) => p.get(step) ?? null)), of: held ? 'held-out' : 'training' };
}
