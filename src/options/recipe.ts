/** Saved recipes: the options of a run as JSON, by the keys of the options table, held to the rules of the command line. */
import * as v from 'valibot';
import { contradiction, faultOf } from './rules.ts';
import { keysOf, type Options, type Verb } from './table.ts';

/** The valibot schema of a recipe for a verb: no key but the table's, every value sound, nothing that contradicts another. */
export function recipeSchema(verb: Verb) {
  const entries = Object.fromEntries(
    keysOf(verb).map((key) => [
      key,
      v.optional(
        v.pipe(
          v.unknown(),
          v.check(
            (value) => faultOf(key, value) === undefined,
            ({ input }) => faultOf(key, input) ?? '',
          ),
        ),
      ),
    ]),
  );
  return v.pipe(
    v.custom<object>((value) => !Array.isArray(value), 'expected an object of options, got a list'),
    v.strictObject(entries),
    v.transform((recipe) => recipe as Options),
    v.check(
      (recipe) => contradiction(verb, recipe) === undefined,
      ({ input }) => contradiction(verb, input) ?? '',
    ),
  );
}

/** The options of a recipe; throws with everything that is wrong in it. */
export function readRecipe(verb: Verb, recipe: unknown): Options {
  const read = v.safeParse(recipeSchema(verb), recipe);
  if (read.success) return read.output;
  const faults = read.issues.map(({ message, path, received }) => {
    const key = path?.map((part) => String(part.key)).join('.');
    return received === 'unknown' || key === undefined || message.startsWith('expected')
      ? message
      : `${key} is no option of ${verb}`;
  });
  throw new Error(`expected a sound recipe for ${verb}, got one in which ${faults.join('; ')}; correct it`);
}
