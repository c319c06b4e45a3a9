// The options of the page's run: the built-in recipe, shortened where the address asks for it (`?steps=20&eval=4`).

import recipe from '../demo/recipe.json' with { type: 'json' };
import type { Options } from '../src/options.ts';
import { readRecipe } from '../src/recipe.ts';

const UNTIL_THE_RECIPE_IS_THERE: Options = {
  budget: '5%t',
  targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'],
  warmupSteps: 16,
  steps: 100,
  batch: 16,
  lr: 3e-3,
};

export interface Asked {
  options: Options;
  /** Held-out prompts of each skill; null: as many as suit the device. */
  eval: number | null;
}

/** Reads the page's address; a number that is none is an error that names it. */
export function askedBy(search: string): Asked {
  const query = new URLSearchParams(search);
  const tuning = (recipe as { tune?: unknown }).tune ?? UNTIL_THE_RECIPE_IS_THERE;
  const steps = whole(query, 'steps');
  const warmupSteps = whole(query, 'warmup');
  const shortened = { ...(tuning as Options), ...(steps && { steps }), ...(warmupSteps && { warmupSteps }) };
  return { options: readRecipe('train', shortened), eval: whole(query, 'eval') };
}

function whole(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const n = Number(text);
  if (!Number.isSafeInteger(n) || n < 1)
    throw new Error(`expected ?${name}= to be a whole number from 1, got "${text}": correct the address.`);
  return n;
}
