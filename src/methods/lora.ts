// LoRA and DoRA as PEFT defines them: low-rank factors beside frozen matrices, with DoRA a learned magnitude for every row too.
// Any stored format will do (on a quantized base this is QLoRA). How the products run is ops/lowrank.

import { idle } from '../gpu/device.ts';
import { plan } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { dispose, prepare, replay } from '../gpu/run.ts';
import { allocate, free, newScope } from '../gpu/scope.ts';
import { read, type Tensor, write } from '../gpu/tensor.ts';
import type { Adapter } from '../io/adapter.ts';
import { type PeftAdapter, rankOf, scaleOf } from '../io/adapter-peft.ts';
import type { Module } from '../models/config.ts';
import { type Decoder, matrixNamed } from '../models/decoder.ts';
import { doraSquares, formsRows, newDora, trainsDora } from '../ops/lowrank/dora.ts';
import { newLowRank, trainsFactors } from '../ops/lowrank/lowrank.ts';
import type { Weight } from '../ops/stored/weight.ts';
import { random } from '../random.ts';
import { setting } from '../setting.ts';
import type { Attached, Base, Method, MethodKind, Rates, Training } from './method.ts';
import { type RankedMatrix, rescale, stacksOf, trainedOf } from './ranked.ts';
import { targetsOf, weightOf } from './targets.ts';

/** Settings of LoRA and DoRA. */
export interface RankSettings {
  targets: readonly Module[];
  rank: number;
  /** The factors count alpha / rank times. */
  alpha: number;
  /** Share of the factors' input left out in a step. */
  dropout: number;
  seed: number;
}

export const RANK_DEFAULTS = { rank: 16, alpha: 32, dropout: 0 } as const;

/**
 * Measured with alpha = 2 rank on SmolLM2-135M (banking77, 60 steps): the best of lists were 3e-3 at 2.9 % of the targets by AdamW,
 * 1.5e-3 at 0.86 and 2.9 % by Muon. By rule it is a third of AdamW's: nothing has tried it, and too large a rate breaks a model.
 */
const RANK_RATES: Rates = { fixed: 1.5e-3, centres: { adamw: 4.5e-3, muon: 2e-3 } };

export const LORA: MethodKind<RankSettings> = kind('lora', 'low-rank adapters');
export const DORA: MethodKind<RankSettings> = kind('dora', 'the same, with a learned magnitude a row');

/** Low-rank factors beside the target matrices: q, k and v where none are named. */
export const lora = (settings: Partial<RankSettings> = {}): Method => ranked('lora', withDefaults(settings));
/** The same, with a learned magnitude for every row of a matrix. */
export const dora = (settings: Partial<RankSettings> = {}): Method => ranked('dora', withDefaults(settings));

const withDefaults = (settings: Partial<RankSettings> = {}): RankSettings => ({
  targets: ['q_proj', 'k_proj', 'v_proj'],
  seed: 0,
  ...RANK_DEFAULTS,
  ...settings,
});

type Name = PeftAdapter['method'];

function kind(name: Name, help: string): MethodKind<RankSettings> {
  return {
    name,
    help,
    lr: RANK_RATES.fixed,
    rates: RANK_RATES,
    betas: [0.9, 0.999],
    optimizers: ['adamw', 'muon'],
    takes: ['targets', 'rank', 'alpha', 'dropout', 'adapter'],
    make: (settings) => ranked(name, withDefaults(settings)),
    adapters: {
      words: (a) => {
        const { rank, alpha, dropout, matrices } = peft(a);
        return { rank, alpha, dropout, targets: [...new Set(matrices.map((m) => m.name.split('.').at(-2)!))] };
      },
      from: (a, settings) => ranked(name, withDefaults(settings), peft(a)),
    },
    sized: (d, settings, parameters) => sized(name, d, withDefaults(settings), parameters),
  };
}

function peft(a: Adapter): PeftAdapter {
  if ('rank' in a) return a;
  throw new Error('expected a low-rank adapter, got one of another method.');
}

/** saved: goes on from these factors, whose rank, alpha and matrices they must be. */
function ranked(name: Name, settings: RankSettings, saved?: PeftAdapter): Method {
  return {
    name,
    settings: { ...settings },
    movesBase: false,
    rates: RANK_RATES,
    wholeGradients: false,
    check: (d) => void (saved || weightsOf(d, settings)),
    attach: (d, train) => attach(name, d, settings, saved, train),
  };
}

/** Values of a matrix's factors: A [rank, cols], B [rows, rank], and DoRA's magnitudes [rows], by default the rows' norms. */
interface Factors {
  A: Float32Array<ArrayBuffer>;
  B: Float32Array<ArrayBuffer>;
  magnitude?: Float32Array<ArrayBuffer>;
}

function attach(name: Name, d: Decoder, s: RankSettings, saved: PeftAdapter | undefined, train: Training | null): Attached {
  const weights = saved ? saved.matrices.map((m) => matrixNamed(d, m.name)) : weightsOf(d, s);
  const of = saved ?? { ...s, use_rslora: false };
  const matrices = weights.map((weight, i): RankedMatrix => {
    const dropout = train && s.dropout ? { share: s.dropout, key: keyOf(s.seed, i) } : null;
    const own = saved?.matrices[i] ?? {};
    const [rank, scale] = [rankOf(of, own), scaleOf(of, own)];
    const factors = newLowRank(weight.name, weight.rows, weight.cols, rank, scale, train && { dropout });
    return { weight, factors, dora: name === 'dora' ? newDora(weight, factors) : null };
  });
  const trained = train ? trainedOf(matrices, train) : []; // which lays them together
  const stacks = train ? stacksOf(matrices, train.most) : [];
  const own = matrices.map(({ weight, factors, dora }) => ({
    weight,
    trains: dora ? trainsDora(dora) : trainsFactors(factors),
  }));
  const hooks = [...own, ...stacks.map(({ weight, trains }) => ({ weight, trains }))];
  for (const { weight, trains } of hooks) weight.trains = trains;
  const kept = (m: RankedMatrix) => [m.factors.A, m.factors.B, ...(m.dora ? [m.dora.scale] : [])];
  const forScale = matrices.flatMap(({ dora: x }) => {
    const kept = x && (!train || !formsRows(train.software, x));
    return x ? [x.magnitude, ...(kept ? [x.squares!] : []), x.invNorm] : [];
  });
  const scales = rescale(matrices, stacks);
  return {
    trained,
    of: weights.reduce((n, w) => n + w.rows * w.cols, 0),
    hooks,
    tensors: [...matrices.flatMap(kept), ...(train ? forScale : [])],
    scratch: train ? [] : forScale,
    sorted: false,
    async fill(base) {
      await fill(base, matrices, saved ? savedIn(saved) : fresh(s.seed));
      if (name === 'dora') await once(base, scales);
    },
    after: scales,
    refresh: async (base) => void (name === 'dora' && (await once(base, scales))),
    adapter: (base, hashes) => adapterOf(base, name, matrices, s, saved, hashes),
  };
}

/** The target matrices; throws where one has no such rank. */
function weightsOf(d: Decoder, { targets, rank }: RankSettings): Weight[] {
  const weights = targetsOf(d, targets).map((t) => weightOf(d, t));
  for (const w of weights) checkRank(w, rank);
  return weights;
}

function checkRank({ name, rows, cols }: Weight, rank: number): void {
  const most = Math.min(rows, cols);
  if (rank > most)
    throw new Error(
      `expected a rank of at most ${most} for ${name} [${rows}, ${cols}], got ${setting('rank')} ${rank}. ` +
        `Use ${setting('rank')} ${most} or less, or leave that matrix out of ${setting('targets')}.`,
    );
}

// --- values -------------------------------------------------------------------------------------------------------------

/** Writes the factors' values, and with DoRA the magnitudes. */
async function fill(base: Base, matrices: RankedMatrix[], values: (m: RankedMatrix, i: number) => Factors): Promise<void> {
  const { memory, scope } = base.gpu;
  const doras = matrices.flatMap(({ dora: d }) => (d ? [d] : []));
  const passing = newScope(scope);
  for (const { squares } of doras) if (!squares!.home!.buffer) allocate(passing, squares!.home!);
  try {
    if (doras.length) await once(base, (p) => doras.forEach((d) => doraSquares(p, d)));
    for (const [i, m] of matrices.entries()) {
      const { A, B, magnitude } = values(m, i);
      write(memory, m.factors.A, A);
      write(memory, m.factors.B, B);
      // B begins at zero, so rows begin at the length that they have
      if (m.dora) write(memory, m.dora.magnitude, magnitude ?? (await read(memory, m.dora.squares!)).map(Math.sqrt));
    }
  } finally {
    free(passing);
  }
}

/** Runs a program a single time. */
async function once({ gpu, planning }: Base, build: Build): Promise<void> {
  const machine = await prepare(gpu, plan([{ name: 'once', build, dims: {} }], planning));
  try {
    replay(machine, 'once', {});
    await idle(gpu);
  } finally {
    dispose(machine);
  }
}

function savedIn({ matrices }: PeftAdapter): (m: RankedMatrix) => Factors {
  const byName = new Map(matrices.map((m) => [m.name, m]));
  const copy = (x: Float32Array) => Float32Array.from(x);
  return ({ weight }) => {
    const { A, B, magnitude } = byName.get(weight.name)!;
    return { A: copy(A), B: copy(B), magnitude: magnitude && copy(magnitude) };
  };
}

/** PEFT's beginning: A Kaiming-uniform with a = sqrt(5), that is within 1 / sqrt(cols); B zero, so that nothing changes yet. */
function fresh(seed: number): (m: RankedMatrix, i: number) => Factors {
  return ({ factors: { rows, cols, rank } }, i) => {
    const draw = random(seed, 0x10a, i);
    const bound = 1 / Math.sqrt(cols);
    const A = Float32Array.from({ length: rank * cols }, () => (draw() / 2 ** 31 - 1) * bound);
    return { A, B: new Float32Array(rows * rank) };
  };
}

/** One key a seed and matrix, so that no two of them drop alike. */
const keyOf = (seed: number, i: number) => (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b)) >>> 0;

// --- what it becomes ----------------------------------------------------------------------------------------------------

/** The factors on the device in PEFT's words, with the hash of every matrix of the base that they change. */
async function adapterOf(
  base: Base,
  method: Name,
  all: RankedMatrix[],
  s: RankSettings,
  saved: PeftAdapter | undefined,
  hashes: boolean,
): Promise<PeftAdapter> {
  const value = (t: Tensor) => read(base.gpu.memory, t);
  const matrices: PeftAdapter['matrices'] = [];
  const sha256: Record<string, string> = {};
  for (const [i, { weight: w, factors, dora: d }] of all.entries()) {
    const { rank, alpha } = saved?.matrices[i] ?? {};
    const magnitude = d ? { magnitude: await value(d.magnitude) } : {};
    matrices.push({
      name: w.name,
      shape: [w.rows, w.cols],
      ...(rank !== undefined && { rank }),
      ...(alpha !== undefined && { alpha }),
      A: await value(factors.A),
      B: await value(factors.B),
      ...magnitude,
    });
    if (hashes) sha256[w.name] = await base.sha256(w);
  }
  const { rank, alpha } = saved ?? s;
  const targets = moduleNames(base.decoder, matrices);
  const { use_rslora = false, base: base_ = '' } = saved ?? {};
  return { method, rank, alpha, use_rslora, dropout: s.dropout, targets, base: base_, sha256, matrices };
}

/** q_proj where every layer's has factors, else the full name of each that does. */
function moduleNames(d: Decoder, matrices: { name: string }[]): string[] {
  const whole = matrices.map(({ name }) => name.replace(/\.weight$/, ''));
  const short = [...new Set(whole.map((name) => name.split('.').at(-1)!))];
  return matrices.length === short.length * d.layers.length ? short : whole;
}

// --- size ---------------------------------------------------------------------------------------------------------------

/** How far from a size a method may be and still be called equal. */
const EQUAL = 1.25;

function sized(name: Name, d: Decoder, settings: RankSettings, parameters: number) {
  const targets = targetsOf(d, settings.targets);
  const each = targets.reduce((n, t) => n + t.rows + t.cols, 0);
  const magnitudes = name === 'dora' ? targets.reduce((n, t) => n + t.rows, 0) : 0;
  const most = targets.reduce((n, t) => Math.min(n, t.rows, t.cols), Number.POSITIVE_INFINITY);
  const rank = Math.min(most, Math.max(1, Math.round((parameters - magnitudes) / each)));
  const trainable = rank * each + magnitudes;
  if (trainable > parameters * EQUAL || trainable < parameters / EQUAL)
    return `rank ${rank} on these matrices has ${trainable} parameters`;
  return { options: { rank, alpha: 2 * rank }, trainable };
}
