// How a phase of a run goes: its losses, its speed by the last steps, and the time that it still takes.

import { duration } from '../words.ts';

export interface Pace {
  phase: string;
  total: number;
  losses: number[];
  /** The last steps. */
  recent: { tokens: number; ms: number }[];
  /** The first row, which waited for kernels, and when it was done. */
  first: { done: number; at: number } | null;
}

export const newPace = (phase = '', total = 0): Pace => ({ phase, total, losses: [], recent: [], first: null });

export function advance({ losses, recent }: Pace, loss: number, tokens: number, ms: number): void {
  losses.push(loss);
  recent.push({ tokens, ms });
  // the first step waits for kernels to be compiled, and for those queued behind it
  if (losses.length === 5 || recent.length > 16) recent.shift();
}

/** By the last steps. */
export function tokensPerSecond(pace: Pace): number {
  const { tokens, ms } = recently(pace);
  return (tokens / ms) * 1000;
}

/** "  9.1 s left", by the last steps; nothing before there are two and after the last one. */
export function timeOfSteps(pace: Pace, step: number): string {
  if (step < 2 || step >= pace.total) return '';
  const each = recently(pace).ms / pace.recent.length;
  return `  ${duration((each * (pace.total - step)) / 1000)} left`;
}

/** The same of rows that are told in lots, at the pace of those since the first. */
export function timeOfRows(pace: Pace, done: number): string {
  const now = performance.now();
  pace.first ??= { done, at: now };
  const { done: from, at } = pace.first;
  if (done === from || done >= pace.total) return '';
  return `  ${duration((((now - at) / (done - from)) * (pace.total - done)) / 1000)} left`;
}

function recently({ recent }: Pace): { tokens: number; ms: number } {
  return recent.reduce((sum, r) => ({ tokens: sum.tokens + r.tokens, ms: sum.ms + r.ms }), { tokens: 0, ms: 0 });
}
