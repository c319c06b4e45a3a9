// The other methods at the size of a run: the options under which each trains about as many parameters.

import { fitTo } from '../../../src/commands/compare/size.ts';
import { methodFrom } from '../../../src/commands/settings.ts';
import { type Options, withDefaults } from '../../../src/options/table.ts';
import { decoderFor, METHODS } from '../../../src/parts.ts';
import type { Alike } from '../calls.ts';
import { effective } from '../form.ts';
import { type Bench, modelOf } from './bench.ts';
import { planOwn } from './plan.ts';

/** Every method, this one first, with options of about its size; a method that has none near enough says why. */
export function alike(b: Bench, given: Options): Alike[] {
  const o = withDefaults(given);
  const { trainable } = planOwn(b, { o: given, gpu: null }).train;
  const decoder = decoderFor(modelOf(b).files)(1, o.base, b.planning.maxBinding);
  const others = METHODS.filter(({ name }) => name !== o.method);
  return [{ method: o.method, o: given }, ...others.map(({ name: method }) => sized(method))];

  function sized(method: string): Alike {
    // a rate and its optimizer are the method's own: those that suit the one do not suit the other
    const own = { lr: undefined, betas: undefined, optimizer: undefined, muonScale: undefined, preset: undefined };
    const mine = effective({ ...given, ...own, method: method as Options['method'] });
    try {
      const fit = fitTo(decoder, withDefaults(mine), trainable);
      if (typeof fit === 'string') return { method, why: fit };
      const options = { ...mine, ...fit?.options };
      methodFrom(withDefaults(options)).check(decoder);
      return { method, o: options };
    } catch (e) {
      return { method, why: (e as Error).message };
    }
  }
}
