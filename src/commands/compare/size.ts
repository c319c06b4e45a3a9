// What makes a method of a given size: the option that trains as many parameters as a budget says is the method's to name.

import { blockEdge, parametersIn as budgetParameters, parseBudget } from '../../methods/smt/budget.ts';
import type { Options, Settled } from '../../options/table.ts';
import { type Decoder, type Method, matrixParameters, methodNamed, targetsOf } from '../../parts.ts';
import { methodSettings, modulesOf } from '../settings.ts';

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
  const edge = amount.kind === 'blocks' ? blockEdge(targets, o.block) : 1;
  return budgetParameters(amount, edge, targets, matrixParameters(decoder));
}

/** The options of a method of about `parameters`; a text where it has none near enough; null where its size is given. */
export function fitTo(decoder: Decoder, o: Settled, parameters: number): Fit | string | null {
  const fit = methodNamed(o.method).sized?.(decoder, methodSettings(o), parameters) ?? null;
  if (fit === null || typeof fit === 'string') return fit;
  const options = { ...fit.options } as Options;
  if (o.given.alpha !== undefined) delete options.alpha;
  return { options, trainable: fit.trainable };
}

/** Bytes of the tensors that a run saves, in f32: a whole model, or what trained beside it and the places of blocks. */
export function savedBytes(
  { movesBase }: Pick<Method, 'movesBase'>,
  trainable: number,
  blocks: number,
  parameters: number,
): number {
  return movesBase ? 4 * parameters : 4 * trainable + 8 * blocks;
}
