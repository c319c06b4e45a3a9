// The memory of a run before it, and what its steps cost: planned for the adapter at hand, and changed until it fits. No GPU is touched.

import { methodFrom, tuneOptions } from '../../../src/commands/settings.ts';
import { gpuNamed } from '../../../src/gpus.ts';
import { type Options, type Settled, withDefaults } from '../../../src/options/table.ts';
import {
  DESKTOP,
  decodeCost,
  decoderFor,
  longestOf,
  type Method,
  orderRows,
  plan,
  trainingCost,
  warmupCost,
  weighRecompute,
} from '../../../src/parts.ts';
import type { Fitted, PlanAsked, PlanFacts } from '../calls.ts';
import { changesThatFit } from '../fit.ts';
import { type Bench, dataOf, modelOf } from './bench.ts';
import { methodOn } from './scored.ts';

/** Bytes of a run by these options, and the time of a step; throws where the method does not fit the model. */
export function planOwn(b: Bench, { o: given, gpu }: PlanAsked): PlanFacts {
  const o = withDefaults(given);
  const method = methodOn(b, o);
  const { rows, held } = dataOf(b);
  const { steps, sizes } = orderRows(rows, tuneOptions(o, method), held);
  const { found, recompute, shown, fault } = weighed(b, o, method);
  return {
    ...found,
    peak: peakOf(found),
    recompute,
    note: fault?.message ?? shown,
    over: fault !== undefined,
    steps,
    tokens: sizes.N,
    ...costsOf(b, o, method, recompute, gpu),
  };
}

/** Changes options until the run takes no more than their limit. */
export function fitOwn(b: Bench, given: Options): Fitted {
  const frozen = !methodFrom(withDefaults(given)).movesBase;
  const peak = (options: Options) => {
    const o = withDefaults(options);
    return peakOf(weighed(b, o, methodOn(b, o)).found);
  };
  return changesThatFit(given, frozen, peak);
}

/** The plan, with layers kept or made again as the options and their limit have it. */
function weighed(b: Bench, o: Settled, method: Method) {
  const { rows, held } = dataOf(b);
  const made = new Map<boolean, ReturnType<typeof plan>>();
  const of = (again: boolean) => {
    const settings = { ...tuneOptions(o, method), base: o.base, planning: b.planning, recompute: again ? 'on' : 'off' } as const;
    if (!made.has(again)) made.set(again, plan(modelOf(b), { rows, held }, settings));
    return made.get(again)!;
  };
  const settled = weighRecompute(o, (again) => peakOf(of(again)));
  return { ...settled, found: of(settled.recompute) };
}

/**
 * What a step of each program costs by count, and the time of a step; nothing where no GPU is chosen to reckon with. A software adapter at
 * hand has other kernels than that GPU would run: then it is counted for a desktop's, as `plan --cost` does.
 */
function costsOf(
  b: Bench,
  o: Settled,
  method: Method,
  recompute: boolean,
  gpu: string | null,
): Pick<PlanFacts, 'costs' | 'expected'> {
  const speed = gpu === null ? undefined : gpuNamed(gpu);
  if (!speed) return { costs: [], expected: null };
  const { rows, held } = dataOf(b);
  const planning = b.planning.software ? DESKTOP : b.planning;
  const settings = tuneOptions(o, method);
  const order = { ...settings, ...orderRows(rows, settings, held), recompute };
  const longest = longestOf(rows, held);
  const decoder = decoderFor(modelOf(b).files)(longest, method.movesBase ? 'f32' : o.base, planning.maxBinding);
  const warmup = warmupCost(decoder, method, order, planning, speed);
  const train = trainingCost(decoder, method, order, planning, speed);
  const line = (program: string, figures: typeof train) => ({ kind: 'cost', program, gpu: speed.name, ...figures }) as const;
  const { expected: found } = train;
  return {
    costs: [
      ...(warmup ? [line('warmup', warmup)] : []),
      line('train', train),
      line('decode', decodeCost(decoder, longest, planning, speed)),
    ],
    expected: found ? { ms: o.accumulate * found.ms, bound: found.bound } : null,
  };
}

const peakOf = ({ train, warmup }: ReturnType<typeof plan>) => Math.max(train.bytes.total, warmup?.bytes.total ?? 0);
