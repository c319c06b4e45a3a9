// The options of the page's run: the built-in recipe, the same that the command line's demo takes, shortened where asked.

import recipe from '../demo/recipe.json' with { type: 'json' };
import { parseArgs } from '../src/options/args.ts';
import { type Settled, withDefaults } from '../src/options/table.ts';
import type { Asked } from './address.ts';

/** The recipe's settings, held to the rules of the command line: { warmup_steps: 10 } is --warmup-steps 10. */
export function recipeFor({ steps, warmup }: Asked): Settled {
  const settings = { ...recipe.smt, ...(steps && { steps }), ...(warmup && { warmup_steps: warmup }) };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name.replaceAll('_', '-')}`, String(value)]);
  const read = parseArgs('train', flags);
  if (read.kind !== 'run') throw new Error(`expected a sound recipe, got one that is not: ${'text' in read ? read.text : ''}`);
  return withDefaults(read.options);
}
