// What makes a method of a given size: the number of blocks, or the rank, that trains as many parameters as a budget says.

import { parseBudget } from '../../methods/smt/budget.ts';
import { blockEdge } from '../../methods/smt/select.ts';
import type { Decoder, Module } from '../../models/decoder.ts';
import type { Options, Settled } from '../../options/table.ts';
import { matrixParameters, targetsOf } from '../../train/attach.ts';

/** How far from a size a method may be and still be called equal. */
const EQUAL = 1.25;

export interface Fit {
  /** What makes the method of this size. */
  options: Options;
  trainable: number;
}

/** Parameters that a budget of the targets of `o` means. */
export function parametersIn(decoder: Decoder, o: Settled, size: string): number {
  const targets = targetsOf(decoder, modulesOf(o));
  const budget = parseBudget(size);
  const amount = 'all' in budget ? budget.all : { kind: 'targets' as const, share: 0 };
  if (amount.kind === 'blocks') return amount.count * blockEdge(targets, o.block) ** 2;
  const all = amount.kind === 'model' ? matrixParameters(decoder) : targets.reduce((n, t) => n + t.rows * t.cols, 0);
  return amount.share * all;
}

/** The options of a method of about `parameters`; a text where it has none near enough. */
export function fitTo(decoder: Decoder, o: Settled, parameters: number): Fit | string {
  const targets = targetsOf(decoder, modulesOf(o));
  if (o.method === 'smt') {
    const b = blockEdge(targets, o.block);
    const count = Math.floor((parameters * (1 + 1e-12)) / (b * b));
    if (count < 1) return `a block of ${b} x ${b} has ${b * b} parameters`;
    return { options: { budget: `${count}b` }, trainable: count * b * b };
  }
  const each = targets.reduce((n, t) => n + t.rows + t.cols, 0);
  const magnitudes = o.method === 'dora' ? targets.reduce((n, t) => n + t.rows, 0) : 0;
  const most = Math.min(...targets.map((t) => Math.min(t.rows, t.cols)));
  const rank = Math.min(most, Math.max(1, Math.round((parameters - magnitudes) / each)));
  const trainable = rank * each + magnitudes;
  if (trainable > parameters * EQUAL || trainable < parameters / EQUAL)
    return `rank ${rank} on these matrices has ${trainable} parameters`;
  return { options: { rank, ...(o.given.alpha === undefined && { alpha: 2 * rank }) }, trainable };
}

/** Bytes of the tensors that a run saves, in f32: blocks with their places, factors, or a whole model. */
export function savedBytes(o: Settled, trainable: number, blocks: number, modelParameters: number): number {
  return o.method === 'full' || o.warmup === 'full' ? 4 * modelParameters : 4 * trainable + 8 * blocks;
}

const modulesOf = (o: Settled) => o.targets.map((t) => `${t}_proj` as Module);
