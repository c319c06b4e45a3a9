// Sparse Matrix Tuning of chosen blocks: differences D beside the base, gradients for these blocks alone, fresh moments.

import type { Memory } from '../../gpu/scope.ts';
import { resident, write } from '../../gpu/tensor.ts';
import { type BlockSet, newBlockSet, trainsBlocks } from '../../ops/blocks/blocks.ts';
import type { Trained } from '../../ops/optimizer/adamw.ts';
import type { Weight } from '../../ops/stored/weight.ts';
import { moments } from '../full.ts';

/** Blocks of one matrix, by block row and column. */
export interface Chosen {
  weight: Weight;
  index: [number, number][];
}

export interface SparseMatrix {
  weight: Weight;
  set: BlockSet;
}

/** Attaches chosen blocks to their weights. Nothing is allocated; `fillBlocks` writes the lists and the first differences. */
export function attachBlocks(chosen: Chosen[], b: number, train: boolean): SparseMatrix[] {
  return chosen.map(({ weight, index }) => {
    const set = newBlockSet(weight.name, weight.rows, weight.cols, b, index, train);
    weight.trains = trainsBlocks(set);
    return { weight, set };
  });
}

/** What the optimizer moves. `decayed`: weight decay is on, so the base values of the blocks are needed too. */
export function trainedBlocks(matrices: SparseMatrix[], decayed: boolean): Trained[] {
  return matrices.map(({ set }) => ({
    ...moments(set.delta.name, set.delta.shape),
    value: set.delta,
    grad: set.grad!,
    decay: true,
    base: decayed ? resident(`${set.delta.name}.base`, set.delta.shape, 'other') : undefined,
  }));
}

/** Writes the lists, and the differences where they are known (a saved adapter), to allocated blocks. */
export function fillBlocks(memory: Memory, { set }: SparseMatrix, delta?: Float32Array<ArrayBuffer>): void {
  write(memory, set.lists, set.places.words);
  write(memory, set.delta, delta ?? new Float32Array(set.delta.bytes / 4));
}
