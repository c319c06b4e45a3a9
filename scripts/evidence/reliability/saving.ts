// What a checkpoint of 100 MB costs a run: how long the run waits for it, how much slower its steps are while it is written, and how
// long it would wait for all of it. One line of JSON. See ../saving.mjs.
import { tmpdir } from 'node:os';
import process from 'node:process';
import { openGpu } from '../../../src/gpu/device.ts';
import { allocate, newScope } from '../../../src/gpu/scope.ts';
import { resident } from '../../../src/gpu/tensor.ts';
import type { Store } from '../../../src/io/store.ts';
import { diskStore } from '../../../src/io/store-disk.ts';
import { full, loadModel, openData, openModel, tune } from '../../../src/parts.ts';
import { keepingIn } from '../../../src/train/keeping.ts';
import { newCurve } from '../../../src/train/record.ts';
import { newFolder, writeModel, writeRows } from '../../../test/cli/tiny.ts';

process.env.XDG_RUNTIME_DIR ??= tmpdir();
const [checkpoints = 5] = process.argv.slice(2).map(Number);
/** Steps from one to the next: more than pass while one is written. */
const EVERY = 30;
const SHAPE = {
  hidden_size: 256,
  intermediate_size: 688,
  num_hidden_layers: 11,
  num_attention_heads: 4,
  num_key_value_heads: 4,
  head_dim: 64,
};

const place = newFolder();
const gpu = await openGpu();
try {
  const rows = Array.from({ length: 8 }, (_, i) => ({ prompt: 'The cow is here.', completion: ` It can sing ${i}.` }));
  const opened = await openModel(writeModel(place.at('model'), SHAPE));
  const data = await openData(opened, [writeRows(place.at('rows.jsonl'), rows)]);
  const model = await loadModel(gpu, opened, { longest: 64, base: 'f32' });
  const disk = diskStore(place.at('checkpoints'));
  /** When a checkpoint was being written, and how many bytes of it. */
  const writing: [from: number, to: number][] = [];
  let bytes = 0;
  const store: Store = {
    ...disk,
    async write(...given) {
      const from = performance.now();
      await disk.write(...given);
      writing.push([from, performance.now()]);
      const file = await disk.file(given[0], given[1]);
      bytes = Math.max(bytes, file?.size ?? 0);
      await file?.close();
    },
  };
  const waits: number[] = [];
  const steps: { from: number; to: number; ms: number }[] = [];
  let before = performance.now();
  await tune(
    model,
    data,
    {
      method: full(),
      steps: EVERY * (checkpoints + 1),
      batch: 1,
      lr: 1e-5,
      autotune: false,
      checkpoints: { folder: store, every: EVERY, keep: 2, resume: false },
    },
    (line) => {
      if (line.kind !== 'step') return;
      const now = performance.now();
      if (line.step % EVERY === 1 && line.step > 1) waits.push(now - before - line.ms);
      if (line.step > 5) steps.push({ from: now - line.ms, to: now, ms: line.ms });
      before = now;
    },
  );
  const during = (s: (typeof steps)[number]) => writing.some(([from, to]) => s.from < to && s.to > from);
  const beside = steps.filter(during).map(({ ms }) => ms);
  const usual = steps.filter((s) => !during(s)).map(({ ms }) => ms);
  const each = beside.length / checkpoints;
  /** What a checkpoint adds to the steps while it is written, and how far that is known. */
  const slower = each * (mean(beside) - mean(usual));
  const error = each * Math.hypot(deviation(beside) / Math.sqrt(beside.length), deviation(usual) / Math.sqrt(usual.length));

  // all of it with the run standing still, as it was before
  const scope = newScope(gpu.scope);
  const state = resident('state', [bytes / 4], 'trained');
  const parts = Array.from({ length: 32 }, (_, i) => resident(`part ${i}`, [Math.floor(state.shape[0] / 32)], 'trained'));
  for (const t of parts) allocate(scope, t.home!);
  const of = async () => ({ config: '', weights: '', data: '', held: '', start: '', settings: {} });
  const keeping = keepingIn(diskStore(place.at('other')), model, { of, curve: newCurve() }, { every: 1, keep: 2 }, () => {});
  const whole: number[] = [];
  /** Of all processors, which whatever else is at work does not move. */
  const work: number[] = [];
  for (let step = 1; step <= checkpoints; step++) {
    const [from, used] = [performance.now(), cpuMs()];
    await keeping.save({ step, choice: null, moved: false, rates: null }, parts, new Map());
    await keeping.written();
    whole.push(performance.now() - from);
    work.push(cpuMs() - used);
  }
  console.log(
    JSON.stringify({
      device: gpu.name,
      checkpoints,
      mb: bytes / 1e6,
      whole: median(whole),
      work: median(work),
      wait: median(waits),
      steps: each,
      step: median(usual),
      slower,
      error,
    }),
  );
} finally {
  gpu.device.destroy();
  place.free();
}
process.exit(0);

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function mean(values: number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

function deviation(values: number[]): number {
  return Math.sqrt(mean(values.map((v) => (v - mean(values)) ** 2)));
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : 0;
}
