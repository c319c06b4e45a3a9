// Saved recipes on disk: the settings that `train FILE` takes, and those that `--save-recipe FILE` leaves. Paths in them count
// from the current folder, as those of flags do. What a recipe may say is options/recipe.ts.

import { openPlace, readJson } from '../io/bytes.ts';
import { checkFile, writeFile } from '../io/write.ts';
import { recipeOf, recipeWithFlags } from '../options/recipe.ts';
import type { Options, Verb } from '../options/table.ts';
import type { Task } from './task.ts';

/** The options of a recipe on disk with flags beside it; clash: what of both cannot stand together. Errors name the file. */
export async function takeRecipe(verb: Verb, file: string, flags: Options): Promise<{ options: Options; clash?: string }> {
  const place = await openPlace(file);
  if (!('source' in place)) throw new Error(`expected a recipe at ${file}, got a folder; name the .json file`);
  try {
    const { options, clash } = recipeWithFlags(verb, await readJson(place.source), flags);
    return { options, clash: clash && `${clash} (flags together with the recipe ${file})` };
  } catch (e) {
    const { message } = e as Error;
    throw message.includes(file) ? e : new Error(`${file}: ${message}`);
  } finally {
    await place.source.close();
  }
}

/** A run that leaves its settings where --save-recipe says, once it has ended. */
export function savingRecipe(verb: Verb, run: (task: Task) => Promise<void>) {
  return async (task: Task): Promise<void> => {
    const { given, force, saveRecipe: file } = task.o;
    if (file !== undefined) await checkFile(file, { force }); // before the long run, not after it
    await run(task);
    if (file === undefined) return;
    await writeFile(file, `${JSON.stringify(recipeOf(verb, given), null, 2)}\n`, { force });
    task.report({ kind: 'note', text: `the run's settings are in ${file}` });
  };
}
