// Selection files: the line that `select --out` wrote, read back by `train --selection` and shown by `inspect`.

import { openPlace, readJson } from '../io/bytes.ts';
import type { Selection } from '../methods/smt/select.ts';

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

/** A selection as it stands in a file; that its blocks lie within a model is checked where they are attached to one. */
export function selectionIn({ block, blocks }: Record<string, any>): Selection {
  const sound = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!sound(block) || block < 1 || !Array.isArray(blocks) || !blocks.length)
    throw new Error('expected a block edge and a list of blocks, got none');
  for (const b of blocks)
    if (!sound(b?.layer) || !sound(b?.row) || !sound(b?.col) || typeof b?.module !== 'string')
      throw new Error(`expected blocks with layer, module, row and col, got ${JSON.stringify(b)}`);
  return {
    block,
    blocks: blocks.map((b) => ({ layer: b.layer, module: b.module, row: b.row, col: b.col, score: b.score ?? 0 })),
  };
}
