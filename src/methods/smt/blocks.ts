// Chosen blocks on a model: differences D beside the base, gradients for these blocks alone, and what they become.

import { arena, read, resident, write } from '../../gpu/tensor.ts';
import type { SmtAdapter } from '../../io/adapter.ts';
import type { Module } from '../../models/config.ts';
import type { Decoder } from '../../models/decoder.ts';
import { type BlockSet, eachBlockLine, joined, newBlockSet, trainsBlocks } from '../../ops/blocks/blocks.ts';
import { type Part, trainedTogether } from '../../ops/optimizer/trained.ts';
import type { Weight } from '../../ops/stored/weight.ts';
import type { BlockPlace, Line } from '../../report.ts';
import type { Attached, Base, Training } from '../method.ts';
import type { Selection } from './select.ts';

/** A weight and its chosen blocks. */
interface SparseMatrix {
  weight: Weight;
  set: BlockSet;
}

/** Puts the blocks of a selection on the decoder's weights; a block that it does not have is an error. saved: they begin as its differences. */
export function attachBlocks(
  d: Decoder,
  selection: Selection,
  train: Training | null,
  saved: SmtAdapter | undefined,
): Omit<Attached, 'adapter' | 'of'> & { matrices: SparseMatrix[] } {
  const { block: b } = selection;
  const matrices = [...byWeight(d, selection)].map(([weight, index]) => ({
    weight,
    set: newBlockSet(weight.name, weight.rows, weight.cols, b, index, train !== null),
  }));
  const parts = matrices.map(({ set }) => partOf(set, train));
  const trained = train ? trainedTogether('blocks', parts, { decay: true, most: train.most }) : [];
  const stacked = train ? stacksOf(matrices, train.most) : [];
  const hooks = [...matrices, ...stacked].map(({ weight, set }) => ({ weight, trains: trainsBlocks(set) }));
  for (const { weight, trains } of hooks) weight.trains = trains;
  return {
    matrices,
    trained,
    hooks,
    tensors: [...matrices.flatMap(({ set }) => [set.delta, set.lists]), ...stacked.map(({ set }) => set.lists)],
    scratch: [],
    sorted: false,
    async fill(base) {
      const { memory } = base.gpu;
      for (const { set } of stacked) write(memory, set.lists, set.places.words);
      for (const [i, { weight, set }] of matrices.entries()) {
        write(memory, set.lists, set.places.words);
        write(memory, set.delta, saved ? deltasOf(saved, weight, set) : new Float32Array(set.delta.bytes / 4));
        const beneath = parts[i].base;
        if (beneath) write(memory, beneath, await baseBlocks(base, weight, set));
      }
    },
    without: (base, blocks) => without(base, matrices, blocks),
    told: async (base) => [await blocksUpdate(base, selection, matrices)],
  };
}

/**
 * The blocks of matrices that are multiplied as one, where their differences lie one behind the other too. Which lists a program reads
 * is the device's matter, so that those of a stack lie in one buffer.
 */
function stacksOf(matrices: SparseMatrix[], most: number): SparseMatrix[] {
  const stacks = new Set(matrices.flatMap(({ weight }) => weight.stack ?? []));
  return [...stacks].flatMap((stack) => {
    const sets = stack.parts.map((part) => matrices.find(({ weight }) => weight === part)?.set ?? null);
    const set = joined(stack, sets);
    if (!set) return [];
    const lists = [...sets, set].flatMap((s) => s?.lists ?? []);
    const { parts } = arena(set.lists.name, lists, 'other', most);
    lists.forEach((t, i) => Object.assign(t, { home: parts[i].home, start: parts[i].start }));
    return [{ weight: stack, set }];
  });
}

/** Block rows and columns by weight; throws where a block lies outside this model, or is named twice. */
function byWeight(d: Decoder, { block, blocks }: Selection): Map<Weight, [number, number][]> {
  const chosen = new Map<Weight, Map<string, [number, number]>>();
  for (const { layer, module, row, col } of blocks) {
    const weight = d.layers[layer]?.matrices[module];
    if (!weight)
      throw new Error(
        `expected blocks of this model's matrices, got ${module} of layer ${layer}: the selection is another model's.`,
      );
    if (weight.rows % block || weight.cols % block || row * block >= weight.rows || col * block >= weight.cols)
      throw new Error(
        `expected blocks of ${block} inside ${weight.name} [${weight.rows}, ${weight.cols}], got (${row}, ${col}): the selection is another model's.`,
      );
    const have = chosen.get(weight) ?? new Map();
    if (have.has(`${row} ${col}`)) throw new Error(`expected each block once, got (${row}, ${col}) of ${weight.name} twice.`);
    chosen.set(weight, have.set(`${row} ${col}`, [row, col]));
  }
  return new Map([...chosen].map(([weight, index]) => [weight, [...index.values()]]));
}

/** The base values of the blocks are kept too where weight decay acts on them. */
function partOf(set: BlockSet, train: Training | null): Part {
  const { delta, grad, b } = set;
  const base = train?.decays ? resident(`${delta.name}.base`, delta.shape, 'other') : undefined;
  const scale = train?.muon === 'strip' ? 1 / Math.sqrt(fullestStrip(set)) : 1;
  return { value: delta, grad: grad!, base, ...(train?.muon && { matrices: { n: delta.shape[0], rows: b, cols: b, scale } }) };
}

/** The most blocks in a row or column of blocks: what their steps add up to is at most its root times as large as one of them. */
function fullestStrip({ index }: BlockSet): number {
  const counts = [new Map<number, number>(), new Map<number, number>()];
  index.forEach((at, i) => {
    const of = counts[i % 2];
    of.set(at, (of.get(at) ?? 0) + 1);
  });
  return counts.flatMap((of) => [...of.values()]).reduce((most, n) => Math.max(most, n), 1);
}

/** Base values of the blocks of a set [n, b, b], as the device holds them. */
async function baseBlocks(base: Base, w: Weight, set: BlockSet): Promise<Float32Array<ArrayBuffer>> {
  const out = new Float32Array((set.index.length / 2) * set.b * set.b);
  let r0 = 0;
  for await (const rows of base.values(w)) {
    const r1 = r0 + rows.length / w.cols;
    eachBlockLine(set, r0, r1, (at, from) => out.set(rows.subarray(at, at + set.b), from));
    r0 = r1;
  }
  return out;
}

/** An adapter's differences of one matrix, in the order in which the device keeps its blocks. */
function deltasOf({ block: b, matrices }: SmtAdapter, { name }: Weight, set: BlockSet): Float32Array<ArrayBuffer> {
  const { index, blocks } = matrices.find((m) => m.name === name)!;
  const places = new Map<string, number>();
  for (let i = 0; i < index.length / 2; i++) places.set(`${index[2 * i]},${index[2 * i + 1]}`, i);
  const out = new Float32Array(blocks.length);
  for (let i = 0; i < set.index.length / 2; i++) {
    const at = places.get(`${set.index[2 * i]},${set.index[2 * i + 1]}`)!;
    out.set(blocks.subarray(at * b * b, (at + 1) * b * b), i * b * b);
  }
  return out;
}

/** The differences on the device, by weight, as an adapter holds them. */
export async function savedBlocks({ gpu }: Base, matrices: SparseMatrix[]): Promise<SmtAdapter['matrices']> {
  const saved: SmtAdapter['matrices'] = [];
  for (const { weight, set } of matrices)
    saved.push({ name: weight.name, index: Int32Array.from(set.index), blocks: await read(gpu.memory, set.delta) });
  return saved;
}

/** Sets the differences of blocks to zero; what it answers writes back what was there. Blocks that do not train are passed over. */
async function without({ gpu, decoder }: Base, matrices: SparseMatrix[], blocks: readonly BlockPlace[]): Promise<() => void> {
  const { memory } = gpu;
  const undone: (() => void)[] = [];
  for (const { weight, set } of matrices) {
    const off = blocks.filter(({ layer, module }) => decoder.layers[layer]?.matrices[module as Module] === weight);
    if (!off.length) continue;
    const kept = await read(memory, set.delta);
    const size = set.b * set.b;
    for (let n = 0; n < set.index.length / 2; n++)
      if (off.some(({ row, col }) => row === set.index[2 * n] && col === set.index[2 * n + 1]))
        write(memory, set.delta, new Float32Array(size), n * size);
    undone.push(() => write(memory, set.delta, kept));
  }
  return () => {
    for (const undo of undone) undo();
  };
}

/** The Frobenius norm of all trained differences, and each block's share of its square; blocks as the selection orders them. */
async function blocksUpdate(
  { gpu, decoder }: Base,
  { blocks }: Selection,
  matrices: SparseMatrix[],
): Promise<Extract<Line, { kind: 'blocks_update' }>> {
  const squares = new Map<string, number>();
  for (const { weight, set } of matrices) {
    const delta = await read(gpu.memory, set.delta);
    const size = set.b * set.b;
    for (let n = 0; n < set.index.length / 2; n++) {
      let sum = 0;
      for (let i = n * size; i < (n + 1) * size; i++) sum += delta[i] * delta[i];
      squares.set(`${weight.name} ${set.index[2 * n]} ${set.index[2 * n + 1]}`, sum);
    }
  }
  const whole = [...squares.values()].reduce((a, b) => a + b, 0);
  const moved = blocks.map(({ layer, module, row, col }) => {
    const square = squares.get(`${decoder.layers[layer].matrices[module].name} ${row} ${col}`) ?? 0;
    return { layer, module, row, col, share: whole ? square / whole : 0 };
  });
  return { kind: 'blocks_update', norm: Math.sqrt(whole), blocks: moved };
}
