// Steps of published shapes on a GPU, in Node: each in turn with kernels chosen as a run chooses them, its time beside the estimate of
// docs/gpu.md, and where it goes by kernel. Weights are random bf16: what a step costs does not depend on them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { create } from 'webgpu';
import { LLAMA_1B, LLAMA_16M, someRows } from '../../../src/commands/bench/model.ts';
import { closeGpu, type Gpu, openGpu } from '../../../src/gpu/device.ts';
import { planningOf } from '../../../src/gpu/limits.ts';
import { msOf } from '../../../src/gpu/peak.ts';
import { profile, type Timed } from '../../../src/gpu/profile.ts';
import { dispose, prepare, replay } from '../../../src/gpu/run.ts';
import { allocate, free, newScope, type Scope } from '../../../src/gpu/scope.ts';
import { write } from '../../../src/gpu/tensor.ts';
import { dora, lora } from '../../../src/methods/lora.ts';
import type { Base } from '../../../src/methods/method.ts';
import { smt } from '../../../src/methods/smt/method.ts';
import { smtLora } from '../../../src/methods/smt-lora.ts';
import { type Decoder, newDecoder, parametersOf } from '../../../src/models/decoder.ts';
import { feed, feedScalars } from '../../../src/models/inputs.ts';
import { ropeTable } from '../../../src/ops/attention/rope.ts';
import { begin } from '../../../src/ops/optimizer/trained.ts';
import { tensorsOf } from '../../../src/ops/stored/weight.ts';
import { withKernels } from '../../../src/train/autotune.ts';
import { planTraining } from '../../../src/train/plans.ts';

const MODELS = { 'Llama-3.2-1B': LLAMA_1B, 'SmolLM2-135M': { ...LLAMA_16M, n_layers: 30, vocab_size: 49152 } };
const METHODS = {
  smt: { method: smt({}), muon: undefined },
  'smt by muon': { method: smt({}), muon: 'strip' as const },
  lora: { method: lora({ rank: 8 }), muon: undefined },
  dora: { method: dora({ rank: 8 }), muon: undefined },
  'smt+lora by muon': { method: smtLora({}), muon: 'strip' as const },
};
const CASES = [
  'SmolLM2-135M:4x128:smt',
  'SmolLM2-135M:4x128:smt by muon',
  'SmolLM2-135M:4x128:lora',
  'SmolLM2-135M:4x128:dora',
  'SmolLM2-135M:4x128:smt+lora by muon',
  'SmolLM2-135M:4x512:smt',
  'Llama-3.2-1B:1x512:smt',
  'Llama-3.2-1B:1x512:smt by muon',
  'Llama-3.2-1B:1x512:lora',
  'Llama-3.2-1B:4x512:smt',
];
const OPTIMIZER = { betas: [0.9, 0.95] as const, eps: 1e-8, weightDecay: 0, clip: 1 };

const [root, ...words] = process.argv.slice(2);
// Dawn rounds timestamps to 65 us unless told: of single kernels they would say nothing
const toggles = ['enable-dawn-features=allow_unsafe_apis', 'disable-dawn-features=timestamp_quantization'];
Object.defineProperty(globalThis, 'navigator', { value: { gpu: create(toggles) }, configurable: true });
const gpu = await openGpu();
console.log(`${gpu.name} ${gpu.adapter.info.device}`);
const rows: string[] = [];
for (const name of words.length ? words : CASES) rows.push(await measure(gpu, name));
const heads = '| step, bf16 | dispatches | ms | TFLOP/s | ms by kernels |\n| - | - | - | - | - |';
console.log(`\n${heads}\n${rows.join('\n')}`);
if (!gpu.software && !words.length) {
  const page = join(root, 'docs/gpu.md');
  const [from, to] = ['<!-- measured -->', '<!-- /measured -->'];
  const text = readFileSync(page, 'utf8');
  const made = `${from}\n${gpu.name} ${gpu.adapter.info.device}\n\n${heads}\n${rows.join('\n')}\n`;
  writeFileSync(page, text.slice(0, text.indexOf(from)) + made + text.slice(text.indexOf(to)));
}
closeGpu(gpu);
process.exit(0); // Dawn keeps a process alive

async function measure(gpu: Gpu, name: string): Promise<string> {
  const [model, size, kind] = name.split(':') as [keyof typeof MODELS, string, keyof typeof METHODS];
  const [B, T] = size.split('x').map(Number);
  const { method, muon } = METHODS[kind];
  const scope = newScope(gpu.scope);
  const d = newDecoder(MODELS[model], T, () => 'bf16', gpu.limits.maxBinding);
  fill(gpu, scope, d, T);
  const sizes = { N: B * T, M: B * (T - 1) };
  const planning = await withKernels({ gpu, planning: planningOf(gpu.limits), decoder: d }, sizes, method);
  const attached = method.attach(d, { decays: false, muon, software: planning.software, most: planning.maxBinding });
  const { plan, stream } = planTraining(d, attached, { ...OPTIMIZER, sizes, recompute: false }, planning);
  for (const t of attached.tensors) allocate(scope, t.home!);
  const machine = await prepare(gpu, plan, scope);
  begin(gpu.memory, attached.trained);
  await attached.fill({ gpu, planning, decoder: d } as Base); // without files: nothing asks for stored values here
  feed(gpu.memory, stream, someRows(B, T, d.config.vocab_size), sizes.N, sizes.M, attached.sorted);
  feedScalars(gpu.memory, stream, { targets: sizes.M, lr: 1e-6 });
  const programs = [
    { name: 'train', dims: sizes },
    { name: 'update', dims: {} },
  ];
  const ms = await msOf(gpu, () => programs.forEach((x) => replay(machine, x.name, x.dims)), 200, 5);
  const timed: Timed[] = [];
  for (const { name, dims } of programs) timed.push(...(await profile(machine, name, dims)));
  dispose(machine);
  free(scope);
  const flops = timed.reduce((sum, t) => sum + t.flops, 0);
  console.log(`\n${name}: ${ms.toFixed(1)} ms`);
  const parts = byKernel(timed);
  for (const p of parts.slice(0, 16)) console.log(p.line);
  const most = parts.slice(0, 4).map((p) => `${p.name} ${p.ms.toFixed(1)}`);
  return `| ${model} ${size} ${kind} | ${timed.length} | ${ms.toFixed(1)} | ${(flops / ms / 1e9).toFixed(1)} | ${most.join(', ')} |`;
}

/** Kernels by the time they take, most first: products by layout, whatever their tile. */
function byKernel(timed: Timed[]) {
  const sums = new Map<string, { n: number; ms: number; flops: number; bytes: number }>();
  for (const t of timed) {
    const name = t.label.match(/gemm_.*_(nt|nn|tn)$/)?.[0].replace(/^gemm_/, '') ?? t.kernel.split(' ')[0];
    const sum = sums.get(name) ?? { n: 0, ms: 0, flops: 0, bytes: 0 };
    sums.set(name, { n: sum.n + 1, ms: sum.ms + t.ms, flops: sum.flops + t.flops, bytes: sum.bytes + t.bytes });
  }
  return [...sums]
    .sort(([, a], [, b]) => b.ms - a.ms)
    .map(([name, s]) => ({
      name,
      ms: s.ms,
      line: [
        `${s.ms.toFixed(2).padStart(8)} ms ${String(s.n).padStart(4)} x`,
        `${(s.flops / Math.max(s.ms, 1e-6) / 1e9).toFixed(1).padStart(5)} TFLOP/s`,
        `${(s.bytes / Math.max(s.ms, 1e-6) / 1e6).toFixed(0).padStart(5)} GB/s  ${name}`,
      ].join(' '),
    }));
}

/** Random bf16 of a deviation of about 0.02, the same million over and over; vectors 1. */
function fill(gpu: Gpu, scope: Scope, d: Decoder, T: number): void {
  const some = Float32Array.from({ length: 1 << 20 }, () => 0.04 * (Math.random() + Math.random() + Math.random() - 1.5));
  const bits = new Uint32Array(some.buffer);
  const pairs = Uint32Array.from({ length: some.length / 2 }, (_, i) => (bits[2 * i] >>> 16) | (bits[2 * i + 1] & 0xffff0000));
  for (const w of parametersOf(d)) {
    for (const t of tensorsOf(w)) allocate(scope, t.home!);
    if (!('windows' in w)) {
      write(gpu.memory, w.value, new Float32Array(w.value.shape[0]).fill(1));
      continue;
    }
    for (const { q } of w.windows) {
      const { buffer, bytes } = q.home!;
      for (let at = 0; at < bytes; at += pairs.byteLength)
        gpu.device.queue.writeBuffer(buffer!, at, pairs, 0, Math.min(pairs.length, (bytes - at) / 4));
    }
  }
  allocate(scope, d.rope.home!);
  write(gpu.memory, d.rope, ropeTable(d.config.rope, d.config.head_dim, T));
}
