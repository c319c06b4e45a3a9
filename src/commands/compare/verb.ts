// `compare`: the methods of a recipe on the same data at equal size, several seeds each; a table, the results, a report.
// Finished runs are kept in the output folder, so that a comparison that was stopped goes on where it stood.

import { holdOut, parseHeldOut } from '../../data/split.ts';
import { diskFolder, openPlace, readJson } from '../../io/bytes.ts';
import { writeFile, writeFolder } from '../../io/write.ts';
import { parametersOf } from '../../models/decoder.ts';
import { type Options, type Settled, withDefaults } from '../../options/table.ts';
import { autotunePace, type Choices, type Decoder, decoderFor, type Gpu, type Life, methodNamed, onDevice } from '../../parts.ts';
import type { Report } from '../../report.ts';
import { version } from '../../version.ts';
import { builtIn } from '../built-in.ts';
import { openFiles, openRows } from '../open.ts';
import type { Task } from '../task.ts';
import { BASE, idOf } from './apart.ts';
import type { Document } from './document.ts';
import { type Contender, parseRecipe, type Recipe, settle, withoutClash } from './recipe.ts';
import { reportPage } from './report.ts';
import { bestRate, type Result, summarize } from './result.ts';
import { type Bench, baseRun, type Label, madeBy, oneRun, sameSettings, settingsOf, termsOf } from './run.ts';
import { fitTo, parametersIn } from './size.ts';

export async function compareVerb({ o, files: [where], report, signal }: Task): Promise<void> {
  const recipe = overRecipe(await readRecipeFile(where), o.given);
  const out =
    o.out ??
    `compare-${where
      .split(/[\\/]/)
      .at(-1)!
      .replace(/\.json$/, '')}`;
  const common = withDefaults(withoutClash(recipe.common));
  const opened = await openFiles(common, common.model ?? builtIn('model'), report);
  const all = async (gpu: Gpu, { report }: Life) => {
    report({ kind: 'device', name: gpu.name, software: gpu.software });
    await autotunePace(gpu); // how submits are sized, which no figure but time depends on
    const rows = await rowsOf(recipe, common, opened, report);
    const bench: Bench = { gpu, opened, ...rows, seconds: recipe.seconds, kernels: await kernelsOf(out, gpu, o.tune) };
    const decoder = decoderFor(opened.files)(1, common.base, gpu.limits.maxBinding);
    const entries = entriesOf(recipe, decoder, report);
    const { results, ...runs } = await runAll(recipe, entries, bench, out, report, signal);
    if (signal.aborted) report({ kind: 'note', text: stoppedWords(runs, out) });
    if (!results.length) return;
    const made: Document = {
      title: recipe.title,
      about: recipe.about,
      model: {
        name: opened.files.name.split(/[\\/]/).slice(-2).join('/'),
        parameters: count(decoder),
        layers: decoder.layers.length,
        modules: modulesOf(decoder),
      },
      rows: { train: bench.rows.length, held: bench.held.length, guard: bench.guard?.length ?? 0, asked: bench.asked.length },
      recipe,
      device: gpu.name,
      version,
      date: new Date().toISOString(),
      runs,
      summary: summarize(results),
      results,
    };
    await writeFile(`${out}/results.json`, `${JSON.stringify(made, null, 1)}\n`, { force: true });
    await writeFile(`${out}/report.html`, reportPage(made), { force: true });
    report({ kind: 'comparison', title: recipe.title, runs, rows: made.summary, report: `${out}/report.html` });
  };
  try {
    // after a loss the runs that are kept are found, and the one that was under way begins anew
    await onDevice({ device: o.device }, all, report);
  } finally {
    await opened.files.close();
  }
}

// --- what is run ------------------------------------------------------------------------------------------------------

/** A method at a size: its learning rates are tried on the first seed, the best runs on the others. */
interface Entry {
  method: Contender;
  size: string | null;
  fit: Options;
}

function entriesOf(recipe: Recipe, decoder: Decoder, report: Report): Entry[] {
  const common = withDefaults(withoutClash({ ...recipe.common, method: undefined }));
  return recipe.methods.flatMap((method): Entry[] => {
    const own = settle(recipe, method, {}, method.lrs[0], recipe.seeds[0]);
    if (!recipe.sizes.length || !methodNamed(own.method).sized) return [{ method, size: null, fit: {} }];
    return recipe.sizes.flatMap((size): Entry[] => {
      const parameters = parametersIn(decoder, common, size);
      const fit = fitTo(decoder, own, parameters);
      if (fit === null) return [];
      if (typeof fit !== 'string') return [{ method, size, fit: fit.options }];
      report({ kind: 'note', text: `${method.name} is left out at ${size} (${Math.round(parameters)} parameters): ${fit}` });
      return [];
    });
  });
}

/** All runs, or those that were finished before the signal. */
async function runAll(
  recipe: Recipe,
  entries: Entry[],
  bench: Bench,
  out: string,
  report: Report,
  signal: AbortSignal,
): Promise<{ results: Result[] } & Document['runs']> {
  const { seeds } = recipe;
  const of = entries.reduce((n, e) => n + e.method.lrs.length + seeds.length - 1, 0);
  const results: Result[] = [];
  const base = withDefaults(withoutClash(recipe.common));
  const first = { id: BASE, method: BASE, size: null, seed: seeds[0], lr: 0 };
  const measured = (await kept(out, first, base, bench)) ?? (await baseRun(bench, first, base, signal));
  if (!measured) return { results, finished: 0, of };
  results.push(await keep(out, measured));
  let finished = 0;
  const run = async ({ method, size, fit }: Entry, lr: Contender['lrs'][number], seed: number): Promise<Result | null> => {
    const o = settle(recipe, method, fit, lr, seed);
    const label = { id: idOf(method.name, size, o.lr, seed), method: method.name, size, seed, lr: o.lr };
    let made = await kept(out, label, o, bench);
    if (!made) {
      report({ kind: 'run', index: finished + 1, of, method: method.name, size, seed, lr: o.lr });
      const choosing = bench.kernels === null;
      made = await oneRun(bench, label, o, report, signal);
      if (choosing && bench.kernels) await keepKernels(out, bench.gpu, bench.kernels);
      if (!made) return null;
      const { curve: _, evals: __, blocks: ___, settings: ____, ...told } = made;
      report({ kind: 'result', ...told });
      await keep(out, made);
    }
    finished++;
    results.push(made);
    return made;
  };
  for (const entry of entries) {
    const tried: Result[] = [];
    for (const lr of entry.method.lrs) {
      const made = await run(entry, lr, seeds[0]);
      if (!made) return { results, finished, of };
      tried.push(made);
    }
    const lr = bestRate(tried);
    for (const seed of seeds.slice(1)) if (!(await run(entry, lr, seed))) return { results, finished, of };
  }
  return { results, finished, of };
}

const stoppedWords = ({ finished, of }: Document['runs'], out: string) =>
  `stopped: ${finished} of ${of} runs are finished and kept in ${out}; the same command goes on with the one that was under way, from its beginning`;

// --- what is kept -----------------------------------------------------------------------------------------------------

/** The result of an earlier run with the same settings; other settings under the same name are an error. */
async function kept(out: string, { id }: Label, o: Settled, bench: Bench): Promise<Result | null> {
  const source = await diskFolder(`${out}/runs`).file(`${id}.json`);
  if (!source) return null;
  try {
    const found = (await readJson(source)) as unknown as Result;
    const terms = termsOf(bench);
    if (!sameSettings(madeBy(found, terms), { ...settingsOf(o), ...terms }))
      throw new Error(
        `expected the recipe that ${out} was begun with, got other settings for ${id}: name another --out, or remove that folder.`,
      );
    return found;
  } finally {
    await source.close();
  }
}

/** The kernels of all runs; null where the first is to choose them. Without tuning they are the default ones, of a comparison begun anew. */
async function kernelsOf(out: string, gpu: Gpu, tune: Settled['tune']): Promise<Choices | null> {
  const had = await keptKernels(out, gpu);
  if (had || tune === 'on') return had;
  await keepKernels(out, gpu, {}); // so that the runs stay alike when it goes on
  return {};
}

/** The kernels of a comparison on this device, which its first run chose; none are chosen on a software adapter. */
async function keptKernels(out: string, { name, software }: Gpu): Promise<Choices | null> {
  const source = software ? null : await diskFolder(out).file(KERNELS);
  if (!source) return software ? {} : null;
  try {
    const { device, kernels } = (await readJson(source)) as unknown as { device: string; kernels: Choices };
    return device === name ? kernels : null;
  } finally {
    await source.close();
  }
}

async function keepKernels(out: string, { name, software }: Gpu, kernels: Choices): Promise<void> {
  if (!software) await writeFile(`${out}/${KERNELS}`, `${JSON.stringify({ device: name, kernels }, null, 1)}\n`, { force: true });
}

const KERNELS = 'kernels.json';

async function keep(out: string, result: Result): Promise<Result> {
  const text = `${JSON.stringify(result)}\n`;
  await writeFolder(`${out}/runs`, [{ name: `${result.id}.json`, chunks: text }], { force: true });
  return result;
}

// --- what is opened ---------------------------------------------------------------------------------------------------

/** A recipe's paths are relative to the recipe. */
async function readRecipeFile(where: string): Promise<Recipe> {
  const place = await openPlace(where);
  if (!('source' in place)) throw new Error(`expected a recipe at ${where}, got a folder; name the .json file`);
  const recipe = parseRecipe(await readJson(place.source).finally(() => place.source.close()));
  const folder = where.replace(/[^\\/]*$/, '');
  const beside = (path: string) => (/^([\\/]|[a-z]+:)/i.test(path) ? path : folder + path);
  const { model, data, eval: held, guard } = recipe.common;
  const isShare = held !== undefined && 'share' in parseHeldOut(held);
  const common = { ...recipe.common };
  if (model) common.model = beside(model);
  if (data) common.data = data.map(beside);
  if (held && !isShare) common.eval = beside(held);
  if (guard) common.guard = beside(guard);
  return { ...recipe, common };
}

/** Flags win over the recipe, as everywhere. Of --seed there is one, not a list; a method that names its own base keeps it. */
function overRecipe(recipe: Recipe, { model, hub, base, seed }: Options): Recipe {
  const given = Object.fromEntries(Object.entries({ model, hub, base }).filter(([, value]) => value !== undefined));
  return { ...recipe, common: { ...recipe.common, ...given }, seeds: seed === undefined ? recipe.seeds : [seed] };
}

async function rowsOf(recipe: Recipe, o: Settled, opened: Awaited<ReturnType<typeof openFiles>>, report: Report) {
  const data = await openRows(o, opened, o.data ?? [builtIn('task/train.jsonl')], report);
  const asked = parseHeldOut(o.eval ?? builtIn('task/heldout.jsonl'));
  const guard = o.guard ? (await openRows(o, opened, [o.guard], report)).rows : null;
  if ('file' in asked) {
    const held = (await openRows(o, opened, [asked.file], report)).rows;
    return { rows: data.rows, held, guard, asked: held.slice(0, recipe.answers), drawnBy: null };
  }
  const [drawnBy] = recipe.seeds;
  const { train, held } = holdOut(data.rows.length, asked.share, drawnBy);
  const apart = held.map((i) => data.rows[i]);
  return { rows: train.map((i) => data.rows[i]), held: apart, guard, asked: apart.slice(0, recipe.answers), drawnBy };
}

const count = (d: Decoder) => parametersOf(d).reduce((n, w) => n + ('windows' in w ? w.rows * w.cols : w.value.shape[0]), 0);

const modulesOf = ({ layers: [layer] }: Decoder) =>
  Object.fromEntries(Object.entries(layer.matrices).map(([module, w]) => [module, [w.rows, w.cols] as const]));
