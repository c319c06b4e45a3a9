// What a run leaves: an adapter folder, SMT's or PEFT's, or after full fine-tuning a Hugging Face folder.

import { read } from '../gpu/tensor.ts';
import { adapterFiles, type SmtAdapter } from '../io/adapter.ts';
import type { FileToWrite } from '../io/write.ts';
import type { RankedMatrix } from '../methods/lora.ts';
import type { SparseMatrix } from '../methods/smt/blocks.ts';
import type { Target } from '../methods/smt/select.ts';
import type { Module } from '../models/decoder.ts';
import { type Ranking, rankedAdapter } from './lowrank.ts';
import { hashOf, type Model } from './model.ts';

/** How the blocks of an adapter were chosen, for its config. */
export interface Provenance {
  block: number;
  targets: string[];
  score: string;
  budget: string;
  seed: number;
  version: string;
}

/** The trained blocks as an adapter: differences, and the shapes and hashes of every target matrix of the base. */
export async function smtAdapter(
  model: Model,
  matrices: SparseMatrix[],
  targets: Target[],
  from: Provenance,
): Promise<SmtAdapter> {
  const base: SmtAdapter['base'] = { shapes: {}, sha256: {} };
  for (const t of targets) {
    const weight = model.decoder.layers[t.layer].matrices[t.module as Module];
    base.shapes[t.name] = [t.rows, t.cols];
    base.sha256[t.name] = await hashOf(model.files.tensors.get(t.name)!, weight);
  }
  const saved = [];
  for (const { weight, set } of matrices)
    saved.push({ name: weight.name, index: Int32Array.from(set.index), blocks: await read(model.gpu.memory, set.delta) });
  return { method: 'smt', ...from, base, matrices: saved };
}

/** The files of the adapter of trained factors, as PEFT has them. */
export async function rankedFiles(model: Model, matrices: RankedMatrix[], o: Ranking): Promise<FileToWrite[]> {
  return adapterFiles(await rankedAdapter(model, matrices, o));
}

/** The files of the adapter of trained blocks. */
export async function smtFiles(
  model: Model,
  matrices: SparseMatrix[],
  targets: Target[],
  from: Provenance,
): Promise<FileToWrite[]> {
  return adapterFiles(await smtAdapter(model, matrices, targets, from));
}
