// The memory of a run before it: planned for the adapter at hand, and changed until it fits. No GPU is touched.

import { methodFrom, tuneOptions } from '../../../src/commands/settings.ts';
import { type Options, withDefaults } from '../../../src/options/table.ts';
import { orderRows, plan, weighRecompute } from '../../../src/parts.ts';
import type { Fitted, PlanFacts } from '../calls.ts';
import { changesThatFit } from '../fit.ts';
import { type Bench, dataOf, modelOf } from './bench.ts';

/** Bytes of a run by these options; throws where the method does not fit the model. */
export function planOwn(b: Bench, given: Options): PlanFacts {
  const o = withDefaults(given);
  const { rows, held } = dataOf(b);
  const method = methodFrom(o);
  const settings = tuneOptions(o, method);
  const figures = new Map<boolean, ReturnType<typeof plan>>();
  const of = (again: boolean) => {
    const known = figures.get(again);
    if (known) return known;
    const more = { base: o.base, planning: b.planning };
    const made = plan(modelOf(b), { rows, held }, { ...settings, recompute: again ? 'on' : 'off', ...more });
    figures.set(again, made);
    return made;
  };
  const weighed = weighRecompute(o, (again) => peakOf(of(again)));
  const { steps, sizes } = orderRows(rows, settings, held);
  const found = of(weighed.recompute);
  return {
    ...found,
    peak: peakOf(found),
    recompute: weighed.recompute,
    note: weighed.fault?.message ?? weighed.shown,
    over: weighed.fault !== undefined,
    steps,
    tokens: sizes.N,
  };
}

/** Changes options until the run takes no more than their limit. */
export function fitOwn(b: Bench, given: Options): Fitted {
  const frozen = !methodFrom(withDefaults(given)).movesBase;
  return changesThatFit(given, frozen, (options) => planOwn(b, options).peak);
}

const peakOf = ({ train, warmup }: ReturnType<typeof plan>) => Math.max(train.bytes.total, warmup?.bytes.total ?? 0);
