/**
 * Recipes: the options of a run as JSON, by the keys of the options table, held to the rules of the command line.
 * Reads and writes no files.
 */
import * as v from 'valibot';
import { withPreset } from './presets.ts';
import { contradiction, faultOf } from './rules.ts';
import { type Key, keysOf, type Options, option, type Verb, withDefaults } from './table.ts';

/** What belongs to one command and not to the run that it starts. */
const OF_THE_COMMAND: Key[] = ['force', 'resume', 'saveRecipe'];
/** What an adapter that a run goes on from decides. */
const OF_THE_ADAPTER: Key[] = ['method', 'lr', 'betas', 'optimizer', 'muonScale', 'dropout'];

/** The options of a recipe alone; throws with everything that is wrong in it. */
export function readRecipe(verb: Verb, recipe: unknown): Options {
  const options = optionsIn(verb, recipe);
  const clash = contradiction(verb, options);
  if (clash !== undefined) throw unsound(verb, clash);
  return options;
}

/** The options of a recipe with flags beside it, which win; clash: where they cannot stand together. Throws on an unsound recipe. */
export function recipeWithFlags(verb: Verb, recipe: unknown, flags: Options): { options: Options; clash?: string } {
  const saved = optionsIn(verb, recipe);
  if (flags.steps !== undefined) delete saved.epochs; // one length of the run for another
  if (flags.epochs !== undefined) delete saved.steps;
  const options = { ...saved, ...withPreset(flags) };
  return { options, clash: contradiction(verb, options) };
}

/** Every setting of a run: those given, a preset's written out, and each default that means something beside them. */
export function recipeOf(verb: Verb, given: Options): Options {
  const { preset: _, out, ...settings } = withPreset(given);
  const keys = recipeKeys(verb).filter((key) => key !== 'preset' && key !== 'out');
  if (settings.steps === undefined) settings.epochs ??= 1;
  const all: Record<string, unknown> = Object.fromEntries(
    keys.flatMap((k) => (settings[k] === undefined ? [] : [[k, settings[k]]])),
  );
  const defaults: Record<string, unknown> = withDefaults(given);
  for (const key of keys) {
    if (all[key] !== undefined || defaults[key] === undefined) continue;
    if (given.adapter !== undefined && OF_THE_ADAPTER.includes(key)) continue;
    const more = { ...all, ...(out !== undefined && { out }), [key]: defaults[key] }; // what needs a place has the run's
    if (contradiction(verb, more) === undefined) all[key] = defaults[key];
  }
  return Object.fromEntries(keys.filter((key) => all[key] !== undefined).map((key) => [key, all[key]]));
}

const recipeKeys = (verb: Verb) => keysOf(verb).filter((key) => option(key).group !== 'general' && !OF_THE_COMMAND.includes(key));

/** No key but the table's, every value sound. */
function optionsIn(verb: Verb, recipe: unknown): Options {
  const sound = (key: Key) =>
    v.check(
      (value) => faultOf(key, value, verb) === undefined,
      ({ input }) => faultOf(key, input, verb) ?? '',
    );
  const entries = recipeKeys(verb).map((key) => [key, v.optional(v.pipe(v.unknown(), sound(key)))]);
  const schema = v.pipe(
    v.custom<object>(
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
      ({ input }) => `expected an object of options, got ${JSON.stringify(input)?.slice(0, 40)}`,
    ),
    v.strictObject(Object.fromEntries(entries)),
  );
  const read = v.safeParse(schema, recipe);
  if (read.success) return read.output as Options;
  const faults = read.issues.map(({ message, path, received }) => {
    const key = path?.map((part: { key: unknown }) => String(part.key)).join('.');
    const said = received === 'unknown' || key === undefined || message.startsWith('expected');
    return said ? message : `${key} is no option of ${verb}`;
  });
  throw unsound(verb, faults.join('; '));
}

const unsound = (verb: Verb, fault: string) =>
  new Error(`expected a sound recipe for ${verb}, got one in which ${fault}; correct it`);
