// Every kernel that hardware may run: those of all programs of all methods over models of every shape and format, with each kernel
// that a contest could choose, the entrants of the contests themselves, and what the self-test looks at. From traces: no GPU.

import { checks } from '../../src/commands/doctor/checks.ts';
import type { Dispatch } from '../../src/gpu/cost.ts';
import { type Planning, planningOf } from '../../src/gpu/limits.ts';
import { paceBuilds, peakParts } from '../../src/gpu/peak.ts';
import { readingOf, widthsOf } from '../../src/gpu/plain-read.ts';
import { type Part, plan } from '../../src/gpu/plan.ts';
import type { Kernel } from '../../src/gpu/program.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { DESKTOP } from '../../src/index.ts';
import { METHODS, methodNamed } from '../../src/methods/index.ts';
import type { Method, Optimizer } from '../../src/methods/method.ts';
import { SCORES, SELECTS } from '../../src/methods/smt/scores.ts';
import { type DecoderConfig, MODULES } from '../../src/models/config.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { gemmContests } from '../../src/ops/matmul/gemm-contests.ts';
import { STORED, type StoredFormat } from '../../src/ops/stored/formats.ts';
import type { Sizes } from '../../src/ops/stream/stream.ts';
import { productsOf } from '../../src/train/autotune.ts';
import { withTraining, withWarmup } from '../../src/train/plans.ts';
import { TINY } from '../models/tiny.ts';
import { answering } from './answering.ts';

/** Shapes of published models, cut to a layer or two: kernels do not depend on how many there are. */
const shape = (
  hidden_size: number,
  intermediate_size: number,
  n_heads: number,
  n_kv_heads: number,
  head_dim: number,
): DecoderConfig => ({
  ...TINY,
  ...{ hidden_size, intermediate_size, n_heads, n_kv_heads, head_dim, vocab_size: 4096 },
});
const LLAMA_1B = shape(2048, 8192, 32, 8, 64);
const MODELS: DecoderConfig[] = [
  LLAMA_1B,
  { ...LLAMA_1B, vocab_size: 128256 }, // more logits than there is room for
  shape(576, 1536, 9, 3, 64), // SmolLM2-135M
  { ...shape(896, 4864, 14, 2, 64), attention_bias: true }, // Qwen2.5-0.5B
  { ...shape(1024, 3072, 16, 8, 128), qk_norm: true }, // Qwen3-0.6B
  { ...shape(2048, 11008, 16, 4, 128), nope_layers: [0] }, // SmolLM3-3B
  shape(3200, 8640, 32, 32, 100), // OpenLLaMA-3B
];
/** Nothing that divides by four, and a head of its own. */
const ODD: DecoderConfig = {
  ...shape(30, 35, 3, 1, 10),
  ...{ vocab_size: 61, attention_bias: true, o_bias: true, mlp_bias: true, tie_word_embeddings: false },
};
/** Everything that a product can be added to. */
const BIASED: DecoderConfig = { ...LLAMA_1B, attention_bias: true, o_bias: true, mlp_bias: true };
const FORMATS = Object.keys(STORED) as StoredFormat[];
/** Everything small. */
const STORIES = shape(64, 172, 8, 4, 8);

/** Micro-batches: of rows of 128 tokens, and of so few that the stored weights are read in place. */
const SIZES: Sizes[] = [
  { N: 512, M: 508 },
  { N: 8, M: 2 },
];

/** Self-tests that ask for what no GPU is given. */
const ON_SOFTWARE = /^attention (registers|subgroup)/;

const OPTIMIZER = { betas: [0.9, 0.95] as const, eps: 1e-8, clip: 1 };

/** Every method as it comes, and the forms of some that run kernels of their own. */
function methods(): Method[] {
  const smt = methodNamed('smt');
  return [
    ...METHODS.map((m) => m.make({ layers: 1 })),
    ...SELECTS.map((select) => smt.make({ select })),
    ...SCORES.map((score) => smt.make({ score, targets: MODULES })),
    ...[4, 2].map((block) => smt.make({ block, budget: '5%t' })),
    ...SCORES.map((score) => smt.make({ warmup: 'full', score })),
    ...['lora', 'dora'].map((name) => methodNamed(name).make({ dropout: 0.1, rank: 6 })),
  ];
}

/** A dispatch of each kernel, the first that there was. */
export function hardwareDispatches(): Map<Kernel, Dispatch> {
  const found = new Map<Kernel, Dispatch>();
  const see = ({ parts }: { parts: Map<string, Part> }) => {
    for (const part of parts.values())
      for (const e of part.largest.entries) if (e.op === 'run' && !found.has(e.kernel)) found.set(e.kernel, e);
  };
  for (const config of [LLAMA_1B, ODD]) for (const method of methods()) programs(config, 'bf16', method, DESKTOP, see);
  for (const config of MODELS) for (const kind of METHODS) programs(config, 'f32', kind.make({ layers: 1 }), DESKTOP, see);
  for (const format of FORMATS)
    for (const name of ['smt', 'dora']) programs(LLAMA_1B, format, methodNamed(name).make({}), DESKTOP, see);
  // what contests could choose, one entrant after the other in all of them
  for (const config of [LLAMA_1B, STORIES, ODD])
    for (const half of [false, true]) {
      const planning = planningOf(DESKTOP, { half });
      const decoder = newDecoder(config, 128, () => 'f32', planning.maxBinding);
      const contests = SIZES.flatMap((sizes) => gemmContests(productsOf(decoder, sizes, true), planning));
      for (const { entrants } of contests)
        for (const { build } of entrants) see(plan([{ name: 'contest', build, dims: {} }], planning));
      const most = Math.max(...contests.map((c) => c.entrants.length));
      for (let i = 0; i < most; i++) {
        const choices = Object.fromEntries(contests.map((c) => [c.key, c.entrants[Math.min(i, c.entrants.length - 1)].name]));
        for (const name of ['smt', 'full'])
          programs(config, 'f32', methodNamed(name).make({}), planningOf(planning, { choices }), see);
        if (config === LLAMA_1B && !half)
          for (const format of FORMATS)
            programs(BIASED, format, methodNamed('smt').make({}), planningOf(planning, { choices }), see);
      }
    }
  for (const check of checks()) {
    const all = { ...DESKTOP, half: true };
    const planning = check.planning?.(all) ?? planningOf(all, { half: false });
    if (ON_SOFTWARE.test(check.name) || planning.software || check.lacks?.(all)) continue;
    const { build, dims } = check.make(planning);
    see(plan([{ name: check.name, build, dims: dims ?? {} }], planning));
  }
  const { adding, moving } = paceBuilds(false);
  const reads = widthsOf(false).map((width) => readingOf([resident('data', [1 << 20], 'other', 'u32')], width));
  const measuring = [adding, moving, ...reads].map((build, i) => ({ name: `measured ${i}`, build, dims: {} }));
  see(plan([...measuring, ...peakParts(false)], DESKTOP));
  return found;
}

/** Plans everything that a run of a method has, and all that answers. What does not fit a model has no programs. */
function programs(
  config: DecoderConfig,
  asked: StoredFormat,
  method: Method,
  planning: Planning,
  see: (plan: { parts: Map<string, Part> }) => void,
): void {
  const decoder = () => {
    const format = (name: string) => {
      const cols = /down_proj/.test(name)
        ? config.intermediate_size
        : /o_proj/.test(name)
          ? config.n_heads * config.head_dim
          : config.hidden_size;
      if (method.movesBase) return 'f32';
      return cols % STORED[asked].block ? 'f16' : asked;
    };
    return newDecoder(config, 128, format, planning.maxBinding);
  };
  try {
    method.check(decoder());
  } catch {
    return;
  }
  SIZES.forEach((sizes, i) => {
    const options = { ...OPTIMIZER, weightDecay: 0.1 * i, sizes, recompute: false, evaluate: sizes };
    const optimizers: Optimizer[] = method.movesBase ? ['adamw'] : ['adamw', 'muon'];
    for (const optimizer of optimizers)
      withTraining(decoder(), method, { ...options, optimizer }, planning, ({ plan }) => see(plan));
    withWarmup(decoder(), method, options, planning, ({ plan }) => see(plan));
  });
  for (const plan of answering(decoder(), 100, planning)) see(plan);
}
