// What the worker tells the map of a run: scores before the choice, and how far blocks have moved, as arrays that are small to send.

import type { BlockScores, Line } from '../src/parts.ts';
import { leveled } from './map/cells.ts';
import type { Blocks } from './protocol.ts';

/** The settings of a run under which the map hears of it; by: which settings its scores are of. */
export const heardBy = (tell: (blocks: Blocks) => void, by = '') => ({
  scored: (scores: BlockScores) => tell({ kind: 'scored', by, block: scores.block, scores: leveled(matricesIn(scores)) }),
  meanwhile: (line: Line) => {
    const norms = normsIn(line);
    if (norms) tell({ kind: 'moved', norms });
  },
});

/** Norms of the chosen blocks, in the selection's order. */
export function normsIn(line: Line): Float32Array<ArrayBuffer> | null {
  if (line.kind !== 'blocks_update') return null;
  return Float32Array.from(line.blocks, ({ share }) => line.norm * Math.sqrt(share));
}

const NAME = /^model\.layers\.(\d+)\.\w+\.(\w+)\.weight$/;

const matricesIn = ({ maps }: BlockScores) =>
  [...maps].flatMap(([name, scores]) => {
    const [, layer, module] = NAME.exec(name) ?? [];
    return module ? [{ layer: Number(layer), module, scores: Float32Array.from(scores) }] : [];
  });
