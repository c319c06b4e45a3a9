// The recipe of the page as files and words that others read: JSON for `train`, and the one command line that does the same.

import { commandLine } from '../../src/options/command-line.ts';
import { readRecipe, recipeOf } from '../../src/options/recipe.ts';
import { KEYS, type Key, type Options } from '../../src/options/table.ts';
import type { FileFrom, ModelFrom } from './calls.ts';

/** Where the built-in task's held-out rows lie in a checkout: a command has no other name for them. */
const BUILT_IN_HELD = 'demo/built-in/task/heldout.jsonl';

/** What the page holds beside its options: what a command line names by path. */
export interface Chosen {
  model: ModelFrom | null;
  train: FileFrom[] | null;
  held: FileFrom[] | null;
}

/** The options with model and data by their names: files by the names they were dropped under. */
export function withPlaces(options: Options, { model, train, held }: Chosen): Options {
  return {
    ...options,
    ...(model && !isOwn(model) && { model: 'address' in model ? model.address : placeOf(model) }),
    ...(train && !train.every((f) => 'address' in f) && { data: train.map(({ name }) => name) }),
    ...(held && 'address' in held[0] && { eval: BUILT_IN_HELD }),
  };
}

/** The page's own model is what a command has where none is named. */
const isOwn = (model: ModelFrom) => 'files' in model && model.files.every((f) => 'address' in f);

/** A folder by its name, a single file by its own. */
const placeOf = (model: Extract<ModelFrom, { files: unknown }>) => (model.files.length === 1 ? model.files[0].name : model.name);

/** The recipe as text: every setting of the run, defaults included. */
export const recipeText = (options: Options): string => `${JSON.stringify(recipeOf('train', options), null, 2)}\n`;

/** The command that runs the same headless. */
export const commandOf = (options: Options): string => commandLine('train', { ...options, out: options.out ?? 'adapter' });

/** What a recipe names that a page cannot open by itself: a person drops it. */
const PLACES: Key[] = ['model', 'data', 'guard', 'selection', 'adapter'];

/** The options of a recipe's text; files that it names are told apart, since a page opens none by itself. Throws with what is wrong in it. */
export function readText(text: string): { options: Options; named: string[] } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (e) {
    throw new Error(`expected a recipe in JSON, got text that is none (${(e as Error).message}); mend it`);
  }
  const all = readRecipe('train', json);
  const named = PLACES.flatMap((key) => (all[key] === undefined ? [] : [`${key} ${[all[key]].flat().join(', ')}`]));
  const options = Object.fromEntries(
    KEYS.filter((key) => key !== 'hub' && !PLACES.includes(key) && all[key] !== undefined).map((key) => [key, all[key]]),
  );
  const file = (options as Options).eval;
  if (file !== undefined && !/^[\d.]+%?$/.test(file)) {
    named.push(`held-out rows ${file}`);
    delete (options as Options).eval;
  }
  return { options, named };
}
