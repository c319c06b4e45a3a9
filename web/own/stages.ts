// The stages of a run on one's own model: which there are, how far each is, and what there is to say meanwhile.

import { duration, grouped } from '../format.ts';
import type { Stage } from '../protocol.ts';
import { type PageState, secondsLeft, tokensPerSecond } from '../state.ts';
import { several } from './several.ts';

export interface StageName {
  stage: Stage;
  name: string;
  unit: string;
}

/** What a run goes through. asks: prompts before and after; warmsUp: the method reads data to choose by. */
export function stagesOf({ asks, warmsUp }: { asks: boolean; warmsUp: boolean }): StageName[] {
  return [
    { stage: 'open', name: 'Load', unit: 'byte' },
    ...(asks ? [{ stage: 'before' as const, name: 'Ask the base', unit: 'prompt' }] : []),
    ...(warmsUp ? [{ stage: 'warmup' as const, name: 'Warm up and score', unit: 'batch' }] : []),
    { stage: 'train', name: 'Train', unit: 'step' },
    ...(asks ? [{ stage: 'after' as const, name: 'Ask again', unit: 'prompt' }] : []),
  ];
}

/** Share of a stage that is behind, 0 to 1: all of the earlier ones, none of the later ones. */
export function shareOf(s: PageState, stage: Stage, stages: StageName[]): number {
  if (s.phase === 'done') return 1;
  if (s.began === 0) return 0;
  const place = (x: Stage) => stages.findIndex((y) => y.stage === x);
  const [here, there] = [place(s.stage), place(stage)];
  if (there !== here) return there < here ? 1 : 0;
  return s.total ? Math.min(1, s.done / s.total) : 0;
}

/** Told to screen readers too, so it changes with the stage and not with every step. */
export function statusOf(s: PageState, stages: StageName[], paused: boolean, ready: string | null): string {
  switch (s.phase) {
    case 'running':
      return paused
        ? 'Held after the step that was on its way.'
        : `${stages.find((x) => x.stage === s.stage)?.name ?? 'Saving'}.`;
    case 'stopping':
      return 'Stopping after the step that is on its way.';
    case 'stopped':
      return `Stopped${s.steps.length ? ` after ${several(s.steps.length, 'step')}; what was trained until then is kept` : ''}.`;
    case 'done':
      return 'Done. The result is yours to keep.';
    case 'failed':
      return 'The run ended early.';
    default:
      return ready ?? 'Ready.';
  }
}

/** Steps of a run that ends by its time. */
export const ENDLESS = 1_000_000;

function stepOf({ stage, total }: PageState, step: number): string {
  if (total === ENDLESS) return grouped(step);
  return `${grouped(step)} of ${grouped(Math.max(stage === 'train' ? total : 0, step))}`;
}

/** The figures that move, each with its name and unit. */
export function figuresOf(s: PageState): [name: string, value: string][] {
  const step = s.steps.at(-1);
  const rate = tokensPerSecond(s.steps);
  const left = s.phase === 'running' ? secondsLeft(s) : null;
  return [
    ['Step', step ? stepOf(s, step.step) : '–'],
    ['Loss', step ? `${step.loss.toFixed(3)} nats` : '–'],
    ['Held-out loss', s.held.length ? `${s.held.at(-1)!.loss.toFixed(3)} nats` : '–'],
    ['Gradient norm', step ? step.grad_norm.toPrecision(3) : '–'],
    ['Learning rate', step ? step.lr.toExponential(2) : '–'],
    ['Speed', rate === null ? '–' : `${grouped(rate)} tokens/s`],
    ['Left in this stage', left === null || s.total === ENDLESS ? '–' : duration(left)],
  ];
}
