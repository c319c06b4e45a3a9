// What makes a run fit into less memory, the cheapest first: layers made again in the backward, smaller micro-batches with as many
// rows a step, a base stored in fewer bits. A view model: bytes are asked of whoever plans.

import { type Options, withDefaults } from '../../src/options/table.ts';
import { parseSize } from '../../src/size.ts';
import { bytes } from '../format.ts';
import type { Fitted } from './calls.ts';

const SMALLER = ['q8_0', 'q4_0'] as const;

/**
 * Changes under which the run takes at most its limit; null where none do, and what they would come to is said. storedAnyhow: frozen
 * weights may be stored in other formats.
 */
export function changesThatFit(given: Options, storedAnyhow: boolean, peakOf: (options: Options) => number): Fitted {
  const limit = parseSize(given.memory ?? '0');
  const unbound = { ...given, memory: undefined };
  let changes: Options = {};
  const said: string[] = [];
  let peak = peakOf(unbound);
  for (const step of stepsOf(given, storedAnyhow)) {
    if (peak <= limit) break;
    const next = { ...changes, ...step.changes };
    const after = peakOf({ ...unbound, ...next });
    if (after >= peak) continue; // it does nothing here, so it is not done
    const worse = said.findIndex((text) => text.startsWith(step.says.slice(0, step.says.indexOf(':') + 1)));
    if (worse >= 0) said.splice(worse, 1); // a second step of a kind stands for the first
    said.push(step.says);
    [changes, peak] = [next, after];
  }
  if (peak <= limit) return { changes, said, peak };
  return { changes: null, said: [...said, `It would still take ${bytes(peak)}.`], peak };
}

interface Step {
  changes: Options;
  says: string;
}

function stepsOf(given: Options, storedAnyhow: boolean): Step[] {
  const o = withDefaults(given);
  const steps: Step[] = [];
  if (o.recompute !== 'on')
    steps.push({ changes: { recompute: 'on' }, says: 'Recompute layers: on, which takes about a fifth longer' });
  let [batch, accumulate] = [o.batch, o.accumulate];
  while (batch > 1) {
    const half = Math.ceil(batch / 2);
    accumulate = Math.round((batch * accumulate) / half);
    batch = half;
    steps.push({
      changes: { batch, accumulate },
      says: `Micro-batches: ${batch} ${batch === 1 ? 'row' : 'rows'}, ${accumulate} of them a step, so that a step still has ${batch * accumulate} rows`,
    });
  }
  if (storedAnyhow)
    for (const base of SMALLER)
      steps.push({ changes: { base }, says: `Frozen weights: stored as ${base}, rounded; what trains is f32 all the same` });
  return steps;
}
