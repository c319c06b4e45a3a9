// A run of many steps on a tiny model; device bytes, heap and time of a step as lines fitted through them. See ../soak.mjs.
import { closeGpu, openGpu } from '../../../src/gpu/device.ts';
import { smt } from '../../../src/methods/smt/method.ts';
import { tune } from '../../../src/parts.ts';
import type { Line } from '../../../src/report.ts';
import { modelOf, rowsOf, tinyDecoder } from '../../../test/models/tiny.ts';

const steps = Number(process.argv[2]);
const EACH = Math.max(1, Math.floor(steps / 100));
const gpu = await openGpu();
const samples: { step: number; device: number; buffers: number; heap: number; ms: number }[] = [];
let [ms, n] = [0, 0];

const report = (line: Line) => {
  if (line.kind !== 'step') return;
  ms += line.ms;
  n++;
  if (line.step % EACH) return;
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed } = process.memoryUsage();
  samples.push({ step: line.step, device: gpu.memory.bytes, buffers: gpu.memory.live.size, heap: heapUsed, ms: ms / n });
  [ms, n] = [0, 0];
};
const method = smt({ targets: ['q_proj', 'v_proj'], budget: '10%t', block: 8, warmupSteps: 4 });
const rows = rowsOf([9, 5, 12, 7, 11, 6, 8, 10]);
await tune(modelOf(gpu, tinyDecoder(gpu)), { rows }, { method, steps, batch: 2, lr: 1e-4, autotune: false }, report);
closeGpu(gpu);

// the first tenth is that of compilers and caches
const late = samples.slice(Math.floor(samples.length / 10));
for (const key of ['device', 'buffers', 'heap', 'ms'] as const)
  console.log(JSON.stringify({ key, samples: late.length, ...line(late.map((s) => [s.step / 1000, s[key]])) }));

/** A line by least squares: the mean, the slope a thousand steps, and the slope's standard error. */
function line(points: [x: number, y: number][]): { mean: number; slope: number; error: number } {
  const mean = (of: (p: [number, number]) => number) => points.reduce((sum, p) => sum + of(p), 0) / points.length;
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
  const spread = points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0) / spread;
  const rest = points.reduce((sum, [x, y]) => sum + (y - my - slope * (x - mx)) ** 2, 0);
  return { mean: my, slope, error: Math.sqrt(rest / (points.length - 2) / spread) };
}
