// From a selection (layer, module, row, column) to blocks on the model's weights.

import { attachBlocks, type Chosen, type SparseMatrix } from '../methods/smt/blocks.ts';
import type { Selection, Target } from '../methods/smt/select.ts';
import { type Decoder, MODULES, type Module, matrixShape, parametersOf, weightName } from '../models/decoder.ts';

/** Every matrix of the named modules. */
export function targetsOf(d: Decoder, modules: readonly Module[]): Target[] {
  return d.layers.flatMap((_, layer) =>
    MODULES.filter((m) => modules.includes(m)).map((module) => {
      const [rows, cols] = matrixShape(d.config, module);
      return { name: weightName(layer, module), layer, module, order: MODULES.indexOf(module), rows, cols };
    }),
  );
}

/** Attaches the blocks of a selection to the decoder's weights; a block that it does not have is an error. */
export function attach({ decoder }: { decoder: Decoder }, { block, blocks }: Selection, train: boolean): SparseMatrix[] {
  const chosen = new Map<string, Chosen & { taken: Set<number> }>();
  for (const { layer, module, row, col } of blocks) {
    const weight = decoder.layers[layer]?.matrices[module as Module];
    if (!weight)
      throw new Error(
        `expected blocks of this model's matrices, got ${module} of layer ${layer}: the selection is another model's.`,
      );
    if (weight.rows % block || weight.cols % block || row * block >= weight.rows || col * block >= weight.cols)
      throw new Error(
        `expected blocks of ${block} inside ${weight.name} [${weight.rows}, ${weight.cols}], got (${row}, ${col}): the selection is another model's.`,
      );
    const have = chosen.get(weight.name) ?? { weight, index: [], taken: new Set() };
    const place = (row * weight.cols) / block + col;
    if (have.taken.has(place)) throw new Error(`expected each block once, got (${row}, ${col}) of ${weight.name} twice.`);
    have.taken.add(place);
    have.index.push([row, col]);
    chosen.set(weight.name, have);
  }
  return attachBlocks([...chosen.values()], block, train);
}

/** Blocks laid over the targets in turn, from layer 0 on and over every module: no selection of as many needs more memory. */
export function boundSelection(targets: Target[], block: number, count: number): Selection {
  const least = Math.max(count, new Set(targets.map((t) => t.module)).size);
  const sizes = targets.map((t) => ({ t, cols: t.cols / block, n: (t.rows / block) * (t.cols / block) }));
  const blocks: Selection['blocks'] = [];
  for (let i = 0; blocks.length < least && sizes.some((s) => i < s.n); i++)
    for (const { t, cols, n } of sizes)
      if (i < n && blocks.length < least)
        blocks.push({ layer: t.layer, module: t.module, row: Math.floor(i / cols), col: i % cols, score: 0 });
  return { block, blocks };
}

/** Elements of all 2-D parameters, a tied embedding once. */
export function matrixParameters(decoder: Decoder): number {
  return parametersOf(decoder).reduce((n, w) => n + ('windows' in w ? w.rows * w.cols : 0), 0);
}
