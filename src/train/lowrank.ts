// LoRA and DoRA in a run: which matrices have factors, where these begin, and the adapter that they become.

import { random } from '../data/random.ts';
import { read } from '../gpu/tensor.ts';
import type { PeftAdapter } from '../io/adapter-peft.ts';
import {
  attachFactors,
  type Factors,
  fillFactors,
  homesOfFactors,
  type RankedMatrix,
  rescale,
  rescaleNow,
  trainedFactors,
} from '../methods/lora.ts';
import { type Decoder, type Module, matrixNamed } from '../models/decoder.ts';
import type { Weight } from '../ops/stored/weight.ts';
import { targetsOf } from './attach.ts';
import { hashOf, type Model } from './model.ts';
import type { TuneOptions } from './options.ts';
import type { Attached } from './session.ts';

/** What says how the factors are: the run's options, or an adapter's own words. */
export interface Ranking {
  method: 'lora' | 'dora';
  rank: number;
  alpha: number;
  dropout: number;
  seed: number;
  targets: readonly Module[];
  /** Goes on from these factors, whose rank, alpha and matrices they must be. */
  adapter?: PeftAdapter;
}

/** The ranking of a run with factors. */
export function rankingOf(o: TuneOptions): Ranking {
  const { method, factors, seed, targets } = o;
  if ((method !== 'lora' && method !== 'dora') || !factors)
    throw new Error(`expected a run of lora or dora with rank, alpha and dropout, got one of ${method}`);
  const adapter = o.adapter?.method === method ? o.adapter : undefined;
  return { ...factors, method, seed, targets, adapter };
}

/** Attaches fresh factors, or room for an adapter's, to the decoder's weights. Nothing is allocated. */
export function rankedMatrices(decoder: Decoder, o: Ranking, train: boolean): RankedMatrix[] {
  const weights = o.adapter
    ? o.adapter.matrices.map(({ name }) => matrixNamed(decoder, name))
    : targetsOf(decoder, o.targets).map((t) => decoder.layers[t.layer].matrices[t.module as Module]);
  if (!o.adapter) for (const w of weights) checkRank(w, o.rank);
  const { rank, alpha, use_rslora } = o.adapter ?? { ...o, use_rslora: false };
  const scale = alpha / (use_rslora ? Math.sqrt(rank) : rank);
  return attachFactors(weights, { method: o.method, rank, scale }, train ? o : null);
}

/** Factors ready for the training phase: B zero, A uniform by the seed, magnitudes the rows' norms; or the adapter's own. */
export function trainRanked(model: Model, o: Ranking): { matrices: RankedMatrix[]; attached: Attached } {
  const matrices = rankedMatrices(model.decoder, o, true);
  const begin = o.adapter ? savedIn(o.adapter) : freshFactors(matrices, o.seed);
  const attached: Attached = {
    trained: trainedFactors(matrices),
    fill: () => fillFactors(model, matrices, begin),
    after: rescale(matrices),
    moved: () => rescaleNow(model, matrices),
    keep: homesOfFactors(matrices),
    sorted: false,
  };
  return { matrices, attached };
}

/** The values that an adapter holds, by matrix. */
export function savedIn(adapter: PeftAdapter): (m: RankedMatrix) => Factors {
  const byName = new Map(adapter.matrices.map((m) => [m.name, m]));
  return ({ weight }) => {
    const { A, B, magnitude } = byName.get(weight.name)!;
    return { A: Float32Array.from(A), B: Float32Array.from(B), magnitude: magnitude && Float32Array.from(magnitude) };
  };
}

/** PEFT's beginning: A Kaiming-uniform with a = sqrt(5), that is within 1 / sqrt(cols); B zero, so that nothing changes yet. */
function freshFactors(matrices: RankedMatrix[], seed: number): (m: RankedMatrix) => Factors {
  return (m) => {
    const { rows, cols, rank } = m.factors;
    const draw = random(seed, 0x10a, matrices.indexOf(m));
    const bound = 1 / Math.sqrt(cols);
    const A = Float32Array.from({ length: rank * cols }, () => (draw() / 2 ** 31 - 1) * bound);
    return { A, B: new Float32Array(rows * rank) };
  };
}

function checkRank({ name, rows, cols }: Weight, rank: number): void {
  const most = Math.min(rows, cols);
  if (rank > most)
    throw new Error(
      `expected a rank of at most ${most} for ${name} [${rows}, ${cols}], got --rank ${rank}. ` +
        `Use --rank ${most} or less, or leave that matrix out of --targets.`,
    );
}

/** The factors on the device as an adapter in PEFT's words, with the hash of every matrix of the base that it changes. */
export async function rankedAdapter(model: Model, matrices: RankedMatrix[], o: Ranking): Promise<PeftAdapter> {
  const { memory } = model.gpu;
  const saved: PeftAdapter['matrices'] = [];
  const sha256: Record<string, string> = {};
  for (const { weight, factors, dora } of matrices) {
    const [A, B] = [await read(memory, factors.A), await read(memory, factors.B)];
    const magnitude = dora ? await read(memory, dora.magnitude) : undefined;
    saved.push({ name: weight.name, shape: [weight.rows, weight.cols], A, B, ...(magnitude && { magnitude }) });
    sha256[weight.name] = await hashOf(model.files.tensors.get(weight.name)!, weight);
  }
  const { rank, alpha } = o.adapter ?? o;
  return {
    method: o.method,
    rank,
    alpha,
    use_rslora: o.adapter?.use_rslora ?? false,
    dropout: o.dropout,
    targets: moduleNames(model.decoder, saved),
    base: o.adapter?.base ?? '',
    sha256,
    matrices: saved,
  };
}

/** q_proj where every layer's has factors, else the full name of each that does. */
function moduleNames(d: Decoder, matrices: { name: string }[]): string[] {
  const full = matrices.map(({ name }) => name.replace(/\.weight$/, ''));
  const short = [...new Set(full.map((name) => name.split('.').at(-1)!))];
  return matrices.length === short.length * d.layers.length ? short : full;
}
