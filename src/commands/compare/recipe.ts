// A comparison's recipe: a JSON file that names methods, sizes and seeds over one set of training options. Reading and checking
// it, and laying it out as runs, is all that is here; nothing is trained.

import * as v from 'valibot';
import { parseBudget } from '../../methods/smt/budget.ts';
import { recipeWithFlags } from '../../options/recipe.ts';
import { KEYS, type Key, type Options, option, type Settled, withDefaults } from '../../options/table.ts';
import { METHODS, methodNamed } from '../../parts.ts';
import { alikeMethods, twiceIn } from './apart.ts';

/** One contender of a comparison: a name and the options in which it differs. `lr` may be a list: the best on the first seed is taken; or auto. */
export interface Contender {
  name: string;
  options: Options;
  lrs: (number | 'auto' | undefined)[];
}

export interface Recipe {
  title: string;
  about: string;
  /** Options of `train` that all methods share. */
  common: Options;
  methods: Contender[];
  /** Trainable parameters, as budgets of the common targets; every method that has a size of its own to choose is given each. Empty: as its options say. */
  sizes: string[];
  seeds: number[];
  /** Equal time: seconds of warm-up and steps after which a run ends. Without, equal steps. */
  seconds?: number;
  /** Held-out rows that are answered and held against their own answers; 0 is none. */
  answers: number;
}

const NAME = v.pipe(
  v.string('expected every method to have a name, a text'),
  v.check((name) => name.trim() !== '', 'expected every method to have a name, got an empty one'),
);

const FILE = v.strictObject({
  title: v.string('expected a title, a text'),
  about: v.optional(v.string('expected about to be a text'), ''),
  common: v.optional(v.record(v.string(), v.unknown()), {}),
  methods: v.pipe(v.array(v.looseObject({ name: NAME })), v.minLength(1, 'expected at least one method, got none')),
  sizes: v.optional(v.array(v.string('expected sizes to be budgets such as 5%t')), []),
  seeds: v.optional(
    v.pipe(v.array(v.pipe(v.number(), v.integer(), v.minValue(0))), v.minLength(1, 'expected a seed, got none')),
    [0],
  ),
  seconds: v.optional(v.pipe(v.number(), v.minValue(0.1, 'expected seconds from 0.1'))),
  answers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
});

/** In what methods may differ: all else would change the data or the model, and so what is compared. */
const OWN_GROUPS = ['method', 'blocks', 'rank', 'run', 'optimizer'];
/** What a comparison sets itself. */
const SET_HERE: Key[] = ['seed', 'out', 'force', 'resume', 'checkpointEvery', 'keep', 'adapter', 'device', 'tune'];
/** What would say nothing here: no model is written, no run is fitted to a memory, blocks are chosen anew for each seed. */
const UNUSED: Key[] = ['dtype', 'saveRecipe', 'tensorboard', 'memory', 'selection', 'arithmetic'];

/** A recipe from its JSON; throws with what is wrong in it. */
export function parseRecipe(json: unknown): Recipe {
  const read = v.safeParse(FILE, json);
  if (!read.success) {
    const faults = read.issues.map((i) => `${i.path?.map((p) => String(p.key)).join('.') ?? 'the file'}: ${i.message}`);
    throw new Error(`expected a sound recipe for compare, got one in which ${faults.join('; ')}; correct it`);
  }
  const { title, about, common, sizes, seeds, seconds, answers } = read.output;
  for (const size of sizes) if (!('all' in parseBudget(size))) refuse(`size ${size} has groups; write one budget such as 5%t`);
  refuseTwice('sizes have', sizes, (size) => JSON.stringify(parseBudget(size)));
  refuseTwice('seeds have', seeds);
  for (const key of SET_HERE) if (key in common) refuse(`common has ${key}, which compare sets itself; leave it out`);
  for (const key of UNUSED) if (key in common) refuse(`common has ${key}, of which compare makes nothing; leave it out`);
  const methods = read.output.methods.map((m) => methodOf(m as unknown as Named, common as Options, sizes));
  const sizesOf = ({ options }: Contender) =>
    sizes.length && methodNamed(withDefaults({ ...common, ...options }).method).sized ? sizes : [null];
  const alike = alikeMethods(methods, sizesOf);
  if (alike) refuse(alike);
  if (
    seconds !== undefined &&
    [common as Options, ...methods.flatMap((m) => m.lrs.map((lr) => ({ lr })))].some(({ lr }) => lr === 'auto')
  )
    refuse('a rate of auto stands beside seconds, which would not count its trials; name rates');
  const steady = methods.every((m) => (m.options.schedule ?? (common as Options).schedule) === 'constant');
  if (seconds !== undefined && !steady)
    refuse('seconds stand beside a schedule that needs the number of steps; add "schedule": "constant"');
  return { title, about, common: common as Options, methods, sizes, seeds, seconds, answers };
}

type Named = Options & { name: string };

function methodOf({ name, ...own }: Named, common: Options, sizes: string[]): Contender {
  const asked = Array.isArray(own.lr) ? own.lr : [own.lr];
  if (asked.length > 1 && asked.includes('auto'))
    refuse(`${name} has auto among its rates, which finds one itself; name it alone`);
  const lrs = asked as Contender['lrs'];
  if (!lrs.length) refuse(`${name} has an empty list of learning rates; give one`);
  for (const key of Object.keys(own) as Key[]) {
    const known = Object.hasOwn(OPTION_GROUP, key);
    if (!known || (!OWN_GROUPS.includes(OPTION_GROUP[key]) && key !== 'base') || [...SET_HERE, ...UNUSED].includes(key))
      refuse(`${name} has ${key}, in which methods cannot differ here; move it to common, or leave it out`);
  }
  const options: Options = { ...own };
  delete options.lr;
  for (const lr of lrs) {
    const asked = { ...options, ...(lr === undefined ? {} : { lr }) };
    // its own options stay, so that what its method does not take is refused as train would
    const { clash } = recipeWithFlags('train', { ...withoutClash({ ...common, ...asked }), ...asked }, {});
    if (clash !== undefined) refuse(`${name} has what train refuses: ${clash}`);
  }
  refuseTwice(`${name} has a rate of`, lrs);
  if (sizes.length && (own.budget !== undefined || own.rank !== undefined))
    refuse(`${name} has a ${own.budget === undefined ? 'rank' : 'budget'} beside sizes, which decide it; leave one out`);
  return { name, options, lrs };
}

const OPTION_GROUP: Record<string, string> = Object.fromEntries(KEYS.map((key) => [key, option(key).group]));

function refuse(what: string): never {
  throw new Error(`expected a sound recipe for compare, got one in which ${what}`);
}

function refuseTwice<T>(who: string, values: readonly T[], same?: (value: T) => string): void {
  const twice = twiceIn(values, same);
  if (twice !== undefined) refuse(`${who} ${twice} twice, which would count as runs of their own; leave one out`);
}

/** Common options stand for all methods: those that mean nothing to one of them are left out for it. */
export function withoutClash(o: Options): Options {
  const method = METHODS.find((m) => m.name === (o.method ?? METHODS[0].name));
  if (!method) return o; // refused with the rest of what is unsound
  const kept = { ...o };
  for (const key of METHODS.flatMap((m) => m.takes) as Key[]) if (!method.takes.includes(key)) delete kept[key];
  if (o.select !== undefined && o.select !== 'gradient') delete kept.score;
  return kept;
}

/** The settings of one run. fit: what makes the method of this size, such as a rank. */
export function settle(
  recipe: Recipe,
  method: Contender,
  fit: Options,
  lr: Contender['lrs'][number],
  seed: number,
): Settled & { lr: number | 'auto' } {
  const chosen = lr === undefined ? {} : { lr };
  const o = withDefaults(withoutClash({ ...recipe.common, ...method.options, ...chosen, ...fit, seed }));
  // a row is told by its rate, so it is not tried but where that is asked for: each method has a list, or its own
  return { ...o, lr: o.lr ?? methodNamed(o.method).lr };
}
