// The options of the page's run: the built-in recipe, the same that the command line's demo takes, shortened where asked.

import recipe from '../demo/recipe.json' with { type: 'json' };
import { readRecipe } from '../src/options/recipe.ts';
import { type Settled, withDefaults } from '../src/options/table.ts';
import type { Asked } from './address.ts';

/** The recipe's settings, held to the rules of the command line. */
export function recipeFor({ steps, warmup }: Asked): Settled {
  return withDefaults(readRecipe('train', { ...recipe.smt, ...(steps && { steps }), ...(warmup && { warmupSteps: warmup }) }));
}
