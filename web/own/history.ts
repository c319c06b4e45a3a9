// Runs that ended, side by side: what each was, what it took, what it came to. Kept as long as the model is.

import { type Settled, withDefaults } from '../../src/options/table.ts';
import { type Held, type PageState, type Told, tokensPerSecond } from '../state.ts';
import { mean } from '../view/mean.ts';
import type { Finished } from './calls.ts';

export interface Past {
  /** Its place among all runs, from 1. */
  number: number;
  method: string;
  /** What was said beside the method, in a few words. */
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
}

/** Settings that are worth a word. */
const WORTH = ['budget', 'rank', 'layers', 'targets', 'lr', 'batch', 'accumulate', 'seed'] as const;

/** What is kept of a run that ended. */
export function pastOf(s: PageState, { given }: Settled, ended: Finished, number: number): Past {
  const asked = s.examples.length;
  const right = (when: 'before' | 'after') => s.answers[when].filter((a) => a?.right).length;
  const steps = [...s.earlier, ...s.steps];
  const said = WORTH.filter((key) => given[key] !== undefined).map((key) => `${key} ${[given[key]].flat().join(',')}`);
  return {
    number,
    method: withDefaults(given).method,
    settings: said.join(', '),
    trainable: s.plan?.trainable ?? null,
    bytes: s.plan?.bytes.total ?? null,
    steps,
    held: s.held,
    loss: mean(steps.map((l) => l.loss)).at(-1) ?? null,
    heldLoss: s.held.at(-1)?.loss ?? null,
    seconds: ended.seconds,
    tokensPerSecond: tokensPerSecond(s.steps),
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
