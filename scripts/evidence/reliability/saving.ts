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
  /** cpu: ms of all processors that this process took, since the step before; others may be at work beside it. */
  const steps: { from: number; to: number; ms: number; cpu: number }[] = [];
  let [before, used] = [performance.now(), cpuMs()];
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
      const [now, cpu] = [performance.now(), cpuMs()];
      if (line.step % EVERY === 1 && line.step > 1) waits.push(now - before - line.ms);
      if (line.step > 5) steps.push({ from: now - line.ms, to: now, ms: line.ms, cpu: cpu - used });
      [before, used] = [now, cpu];
    },
  );
  const during = (s: (typeof steps)[number]) => writing.some(([from, to]) => s.from < to && s.to > from);
  const beside = steps.filter(during);
  const else_ = steps.filter((s) => !during(s));
  const usual = { ms: median(else_.map(({ ms }) => ms)), cpu: median(else_.map(({ cpu }) => cpu)) };
  /** What a checkpoint adds to the steps while it is written. */
  const added = (of: 'ms' | 'cpu') => beside.reduce((sum, s) => sum + s[of] - usual[of], 0) / checkpoints;

  // all of it with the run standing still, as it was before
  const scope = newScope(gpu.scope);
  const state = resident('state', [bytes / 4], 'trained');
  const parts = Array.from({ length: 32 }, (_, i) => resident(`part ${i}`, [Math.floor(state.shape[0] / 32)], 'trained'));
  for (const t of parts) allocate(scope, t.home!);
  const of = async () => ({ config: '', weights: '', data: '', held: '', start: '', settings: {} });
  const keeping = keepingIn(diskStore(place.at('other')), model, { of, curve: newCurve() }, { every: 1, keep: 2 }, () => {});
  const whole: number[] = [];
  for (let step = 1; step <= checkpoints; step++) {
    const from = performance.now();
    await keeping.save({ step, choice: null, moved: false, rates: null }, parts, new Map());
    await keeping.written();
    whole.push(performance.now() - from);
  }
  const minute = 60_000 / usual.ms;
  console.log(
    JSON.stringify({
      device: gpu.name,
      checkpoints,
      mb: bytes / 1e6,
      whole: median(whole),
      wait: median(waits),
      beside: beside.length / checkpoints,
      slower: added('ms'),
      step: usual.ms,
      cpu: added('cpu'),
      share: {
        before: median(whole) / 60_000,
        now: (median(waits) + added('ms')) / 60_000,
        cpu: added('cpu') / (minute * usual.cpu),
      },
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

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.floor(sorted.length / 2)] : 0;
}
