// Selection files: the line that `select --out` wrote, read back by `train --selection` and `plan --selection`.

import { openPlace, readJson } from '../io/bytes.ts';
import { type Selection, selectionIn } from '../parts.ts';

/** The blocks that a file names; throws, naming the file, where it is no selection. */
export async function readSelection(where: string): Promise<Selection> {
  const place = await openPlace(where);
  if (!('source' in place))
    throw new Error(`expected a selection file at ${where}, got a folder; name the file that select --out wrote`);
  try {
    return selectionIn(await readJson(place.source));
  } catch (e) {
    throw new Error(`${where}: ${(e as Error).message}; give a file that blocktune select --out wrote`);
  } finally {
    await place.source.close();
  }
}
