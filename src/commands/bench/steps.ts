// Whole steps of a small Llama: forward and every method, in turn, and where their time goes.

import type { Gpu } from '../../gpu/device.ts';
import { msOf, type Peak } from '../../gpu/peak.ts';
import { profile, type Timed } from '../../gpu/profile.ts';
import type { DecoderConfig } from '../../models/config.ts';
import type { Report } from '../../report.ts';
import { everything, forward, little, much, ofEqualSize, orthogonal, recompute, sparse, warmupBy } from './kinds.ts';
import { giga, line } from './line.ts';
import { LLAMA_3M, LLAMA_16M } from './model.ts';
import { prepareStep, type Step, type StepKind } from './step.ts';

const ROUNDS = 3;

/** The full step at 1 x 256; forward, SMT and full at 2 x 128 with their ratios; the parts of each as shares of the peak. */
export async function benchSteps(gpu: Gpu, peak: Peak, report: Report): Promise<void> {
  const compare = async (kinds: StepKind[], config = LLAMA_3M) => {
    const ms = await inTurn(gpu, peak, report, kinds, 2, 128, config);
    return (one: StepKind, other: StepKind, name = `${one.name}/${other.name}`) =>
      report(line(name, '2x128', { ratio: ms.get(one)! / ms.get(other)! }));
  };
  await inTurn(gpu, peak, report, [everything], 1, 256);
  const extremes = await compare([forward, sparse, everything]);
  extremes(sparse, forward);
  extremes(everything, sparse);
  const others = ofEqualSize(LLAMA_3M);
  const equal = await compare([sparse, ...others]);
  for (const other of others) equal(other, sparse);
  const [absmean, absofmean] = [warmupBy('absmean'), warmupBy('absofmean')];
  const own = await compare([sparse, recompute, absmean, absofmean]);
  own(recompute, sparse);
  own(absmean, sparse, `absmean warm-up/${sparse.name}`);
  own(absofmean, sparse, `absofmean warm-up/${sparse.name}`);
  const optimizers = await compare([sparse, orthogonal], LLAMA_16M);
  optimizers(orthogonal, sparse);
  const budgets = await compare([little, much], LLAMA_16M);
  budgets(much, little, '5%t/0.1%t');
}

async function inTurn(gpu: Gpu, peak: Peak, report: Report, kinds: StepKind[], rows: number, T: number, config = LLAMA_3M) {
  const best = new Map<StepKind, number>();
  const steps: Step[] = [];
  for (const kind of kinds) steps.push(await prepareStep(gpu, config, kind, rows, T));
  const shape = `${rows}x${T}`;
  for (let round = 0; round < ROUNDS; round++)
    for (const s of steps) {
      best.set(s.kind, Math.min(best.get(s.kind) ?? Number.POSITIVE_INFINITY, await msOf(gpu, s.run)));
      await peak.again();
    }
  for (const s of steps) {
    const ms = best.get(s.kind)!;
    report(line(`${s.kind.name} step`, shape, { ms, gflops: giga(usefulFlops(s, config), ms), peak_gflops: peak.best }));
    for (const [part, t] of await parts(s))
      report(
        line(`${s.kind.name}: ${part}`, shape, {
          ms: t.ms,
          gflops: t.flops ? giga(t.flops, t.ms) : null,
          peak_gflops: peak.best,
        }),
      );
    s.free();
  }
  return best;
}

/** FLOPs of products and attention; what is computed twice (scores in attention's backward) and everything else counts nothing. */
export function usefulFlops(s: Step, { head_dim, n_heads, n_layers }: DecoderConfig = LLAMA_3M): number {
  const attention = 4 * s.pairs * head_dim * n_heads * n_layers;
  const products = s.entries.reduce((n, e) => n + (e.op === 'run' && isProduct(e.kernel.name) ? e.flops : 0), 0);
  return products + attention * (s.kind.method ? 3 : 1);
}

const isProduct = (kernel: string) => /^(gemm|gemv|blocks|lowrank_)/.test(kernel);

/** Time and FLOPs of each part of a step. */
async function parts(s: Step): Promise<Map<string, { ms: number; flops: number }>> {
  const timed: Timed[] = [];
  for (const { name, dims } of s.programs) timed.push(...(await profile(s.machine, name, dims)));
  const sums = new Map<string, { ms: number; flops: number }>();
  partsOf(timed).forEach((part, i) => {
    const t = timed[i];
    const sum = sums.get(part) ?? { ms: 0, flops: 0 };
    sum.ms += t.ms;
    if (isProduct(t.kernel) || isAttention(t.kernel)) sum.flops += t.flops * (isAttention(t.kernel) ? density(s) : 1);
    sums.set(part, sum);
  });
  return sums;
}

const isAttention = (kernel: string) => /^attention(?!_delta)/.test(kernel);

/** Attention counts its FLOPs for one row of all tokens; shorter rows have fewer pairs. */
const density = (s: Step) => s.pairs / ((s.tokens * (s.tokens + 1)) / 2);

/** The part that each dispatch belongs to: the head from the gathering of targets to their loss; packing goes with its product. */
export function partsOf(timed: Timed[]): string[] {
  let inHead = false;
  const own = timed.map(({ kernel, label }) => {
    if (kernel.startsWith('gather')) inHead = true;
    const part = inHead ? 'head' : partOf(kernel, label);
    if (kernel.startsWith('losssum')) inHead = false;
    return part;
  });
  for (let i = own.length - 2; i >= 0; i--) if (/^gemm_pack(?!ed)/.test(timed[i].kernel)) own[i] = own[i + 1];
  return own;
}

function partOf(kernel: string, label: string): string {
  if (isAttention(kernel)) return 'attention';
  if (/^blocks/.test(kernel)) return 'blocks';
  if (/^(lowrank|dora)/.test(kernel)) return 'factors';
  if (/^(adamw|muon|gradnorm)/.test(kernel)) return 'optimizer';
  if (!isProduct(kernel)) return 'rest';
  return label.endsWith('_nt') ? 'forward products' : label.endsWith('_nn') ? 'dX' : 'dW';
}
