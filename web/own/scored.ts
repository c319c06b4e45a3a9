// Scores of blocks that are known: by which settings they were made, so that a choice by them is the choice that a run would make.

import type { Settled } from '../../src/options/table.ts';
import { methodNamed } from '../../src/parts.ts';

/** What decides scores of a model and its data: while it stays the same, so do they. */
export function scoresOf(o: Settled): string {
  const { targets, block, select, score, warmup, warmupSteps, seed, batch, accumulate, base, arithmetic, noShuffle, method } = o;
  const of = [method, targets, block, select, score, warmup, warmupSteps, seed, batch, accumulate, base, arithmetic, noShuffle];
  return JSON.stringify(of.map((x) => x ?? null));
}

/** Whether all that such a run trains are blocks that it chooses by scores, which can be chosen again. */
export function choosesBlocks({ method, warmup }: Settled): boolean {
  const { takes } = methodNamed(method);
  return takes.includes('spread') && !takes.includes('rank') && warmup === 'frozen';
}
