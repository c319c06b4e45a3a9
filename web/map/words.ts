// What the map says in words: of a block that is pointed at, of the whole, and to who does not see it.

import { grouped, ordinal, percent } from '../format.ts';
import type { SelectionLine } from '../state.ts';
import { type BlockFacts, blockKey, matrixKey } from './cells.ts';
import type { blockAt, MapLayout } from './layout.ts';

type Under = NonNullable<ReturnType<typeof blockAt>>;

/** A block by its place and all its numbers. */
export function blockWords({ matrix, row, col }: Under, facts: BlockFacts): string {
  const at = { layer: matrix.layer, module: matrix.module, row, col };
  const said = [`Layer ${at.layer}, ${at.module}, block row ${row}, column ${col}`];
  const found = facts.scores.find((m) => matrixKey(m) === matrixKey(at));
  const rank = facts.chosen.findIndex((b) => blockKey(b) === blockKey(at));
  const score = found?.scores[row * matrix.w + col];
  if (score !== undefined) {
    const below = (found!.levels[row * matrix.w + col] / 255) ** (1 / 3);
    said.push(`score ${score.toPrecision(3)}, above ${Math.min(99, Math.floor(100 * below))} % of all blocks`);
  }
  if (rank >= 0) said.push(`${ordinal(rank + 1)} of ${grouped(facts.chosen.length)} that train`);
  else if (facts.chosen.length) said.push('stays frozen');
  if (rank >= 0 && facts.norms) said.push(`moved by ${facts.norms[rank].toPrecision(3)} (Frobenius norm)`);
  if (facts.off.has(blockKey(at))) said.push('switched off in Talk');
  return `${said.join('; ')}.`;
}

/** What is to be seen, where no block is pointed at. */
export function captionOf(selection: SelectionLine | null, facts: BlockFacts, { matrices, block }: MapLayout): string {
  if (!selection)
    return facts.scores.length
      ? 'Every block is scored: the stronger the colour, the higher.'
      : 'All frozen for now. The warm-up scores every block; the best will light up here.';
  const of = matrices.reduce((n, m) => n + m.w * m.h, 0);
  const colour = facts.norms
    ? 'The stronger the colour, the higher the score; the amber square grows as a block moves.'
    : 'The stronger the colour, the higher the score.';
  return `${grouped(selection.blocks.length)} of ${grouped(of)} blocks of ${block} × ${block} train: ${grouped(selection.trainable)} numbers, ${percent(selection.share_model)} of the model. ${colour}`;
}

/** The map to a screen reader: what it is, how to move it, and how blocks are walked through and, where they can be, switched off. */
export function spoken({ layers, matrices }: MapLayout, chosen: number, switches: boolean): string {
  const modules = new Set(matrices.map((m) => m.module)).size;
  const walk = chosen
    ? ` Full stop and comma go through the blocks that train${switches ? ', Enter switches one off' : ''}.`
    : '';
  const state = chosen ? `${grouped(chosen)} blocks are chosen` : 'no blocks are chosen yet';
  return `Map of ${layers.length} layers of ${modules} weight matrices; ${state}. The table below has its figures. Arrow keys move, plus and minus zoom, 0 shows all.${walk}`;
}

/** The chosen blocks of a matrix, best first. */
export function chosenOf(matrix: { layer: number; module: string }, { chosen, norms, off }: BlockFacts) {
  return chosen.flatMap((block, i) =>
    matrixKey(block) === matrixKey(matrix) ? [{ block, norm: norms ? norms[i] : null, off: off.has(blockKey(block)) }] : [],
  );
}

/** A line of the table: of each module how many blocks there are, how many train, and how far they have moved. */
export interface LayerLine {
  layer: number;
  cells: { module: string; of: number; chosen: number; norm: number | null }[];
}

export function tableOf({ layers, matrices }: MapLayout, { chosen, norms }: BlockFacts): LayerLine[] {
  const found = new Map<string, { n: number; square: number }>();
  chosen.forEach((block, i) => {
    const { n, square } = found.get(matrixKey(block)) ?? { n: 0, square: 0 };
    found.set(matrixKey(block), { n: n + 1, square: square + (norms ? norms[i] ** 2 : 0) });
  });
  return layers.map(({ layer }) => ({
    layer,
    cells: matrices
      .filter((m) => m.layer === layer)
      .map((m) => {
        const { n, square } = found.get(matrixKey(m)) ?? { n: 0, square: 0 };
        return { module: m.module, of: m.w * m.h, chosen: n, norm: norms && n ? Math.sqrt(square) : null };
      }),
  }));
}
