// What a comparison came to, as its results.json has it and its report shows it.

import type { Summary } from '../../report.ts';
import type { Recipe } from './recipe.ts';
import type { Result } from './result.ts';

/** Everything that a comparison came to: what `results.json` holds. */
export interface Document {
  title: string;
  about: string;
  model: { name: string; parameters: number; layers: number; modules: Record<string, readonly [number, number]> };
  rows: { train: number; held: number; guard: number; asked: number };
  recipe: Recipe;
  device: string;
  version: string;
  date: string;
  /** Fewer finished than there are: it was stopped, and can go on. */
  runs: { finished: number; of: number };
  summary: Summary[];
  results: Result[];
}
