// npm run bench: everything that `blocktune bench` measures, and our full fine-tuning step against jax-js's, in turn in one run.
// Arguments name what to measure: gemm kernel step memory jax; all without any.
import process from 'node:process';
import { bench } from '../../src/commands/bench/bench.ts';
import { everything } from '../../src/commands/bench/kinds.ts';
import { type BenchLine, line } from '../../src/commands/bench/line.ts';
import { LLAMA_3M } from '../../src/commands/bench/model.ts';
import { prepareStep } from '../../src/commands/bench/step.ts';
import { table } from '../../src/commands/bench/table.ts';
import { closeGpu, type Gpu, openGpu } from '../../src/gpu/device.ts';
import { readback } from '../../src/gpu/run.ts';
import { PARTS } from '../../src/options/table.ts';
import { jaxStep } from './jax-llama.ts';

const TOKENS = 256;
const ROUNDS = 5;

const asked = process.argv.slice(2);
const wanted = (name: string) => !asked.length || asked.includes(name);
const lines: BenchLine[] = [];
const gpu = await openGpu();
if (wanted('jax')) lines.push(...(await againstJax(gpu)));
await bench(
  gpu,
  (l) => {
    if (l.kind === 'bench') console.log(`${lines.push(l)}  ${[l.name, l.layout, l.shape].filter(Boolean).join(' ')}`);
    else if (l.kind === 'plan') console.log(`${l.program}: ${(l.bytes.total / 1e9).toFixed(2)} GB planned`);
  },
  PARTS.filter(wanted),
);
console.log(`\n${gpu.name}\n\n${table(lines)}`);
closeGpu(gpu);
process.exit();

/** Our step and theirs in turn, so that both meet the same machine; the best of each, and theirs over ours. */
async function againstJax(gpu: Gpu): Promise<BenchLine[]> {
  const ours = await prepareStep(gpu, LLAMA_3M, everything, 1, TOKENS);
  const theirs = await jaxStep(LLAMA_3M, TOKENS);
  const contestants = {
    ours: async () => {
      ours.run();
      return (await readback(ours.machine, 'update'))[0];
    },
    'jax-js': () => theirs.step(),
  };
  const best = { ours: Number.POSITIVE_INFINITY, 'jax-js': Number.POSITIVE_INFINITY };
  for (let round = -1; round < ROUNDS; round++)
    for (const [name, step] of Object.entries(contestants)) {
      const t = performance.now();
      const loss = await step();
      const ms = performance.now() - t;
      if (!Number.isFinite(loss)) throw new Error(`expected a finite loss of ${name}, got ${loss}`);
      if (round >= 0) best[name as keyof typeof best] = Math.min(best[name as keyof typeof best], ms); // the first compiles
    }
  if (theirs.parameters !== ours.trainable)
    throw new Error(`expected both models to have ${ours.trainable} parameters, got ${theirs.parameters}`);
  ours.free();
  const shape = `1x${TOKENS}`;
  return [
    line('full step, ours', shape, { ms: best.ours }),
    line('full step, jax-js', shape, { ms: best['jax-js'] }),
    line('jax-js/ours', shape, { ratio: best['jax-js'] / best.ours }),
  ];
}
