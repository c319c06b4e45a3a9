// How fast rows are evaluated by likelihood, beside the forward pass that `bench` times (4 rows of 128 tokens, every token a target) on the
// same model, in turn in one process: `speed.ts MODEL BOOLQ [ROUNDS] [ROWS]`. Tokens are those of the rows,
// padding not counted. Ratios are of time and, as others may use the machine, of processors' time.
import process from 'node:process';
import { someRows } from '../../../src/commands/bench/model.ts';
import { readTask } from '../../../src/data/task-rows.ts';
import { likelihood } from '../../../src/eval/likelihood.ts';
import { type Ask, rankAll } from '../../../src/eval/rank.ts';
import { idle } from '../../../src/gpu/device.ts';
import { plan } from '../../../src/gpu/plan.ts';
import { dispose, prepare, replay } from '../../../src/gpu/run.ts';
import { resident } from '../../../src/gpu/tensor.ts';
import { loadModel, openGpu, openModel } from '../../../src/index.ts';
import { diskSource } from '../../../src/io/bytes.ts';
import { feed } from '../../../src/models/inputs.ts';
import { newResults } from '../../../src/ops/optimizer/gradnorm.ts';
import { newStream } from '../../../src/ops/stream/stream.ts';
import { choicesOf, response, taskNamed, taskPrompt } from '../../../src/tasks.ts';

const [place, file, rounds = '3', rowsEach = '36'] = process.argv.slice(2);
const ROWS = Number(rowsEach);
const task = taskNamed('boolq')!;
const opened = await openModel(place);
const model = await loadModel(await openGpu(), opened, { longest: 512 });
const { gpu, decoder } = model;
const ids = (text: string, special: boolean) => opened.tokenizer.encode(text, { special });
const { rows } = await readTask(await diskSource(file), task);
const asks: Ask[] = rows.map((row) => ({
  prompt: ids(taskPrompt('smt', row), true),
  ways: choicesOf(task, row).map((choice) => ids(response(choice), false)),
}));

const batch = someRows(4, 128, decoder.config.vocab_size);
const dims = { N: batch.n, M: batch.m };
const stream = newStream(dims.N, dims.M);
const build = likelihood(decoder, stream, newResults(), resident('logprob', [dims.M], 'other'));
const machine = await prepare(gpu, plan([{ name: 'forward', build, dims }], model.planning), model.scope);
feed(gpu.memory, stream, batch, dims.N, dims.M, false);
const forward = async () => {
  replay(machine, 'forward', dims);
  await idle(gpu);
  return batch.n;
};
const evaluate = (some: Ask[]) => async () => {
  for await (const _ of rankAll(model, some, {}, () => {}));
  // what the model reads: the prompt, and of the choices all but their last token, once
  return some.reduce((n, { prompt, ways }) => n + prompt.length + ways[0].length - 1, 0);
};
/** Tokens a second, by the clock and by processors. */
const rate = async (run: () => Promise<number>) => {
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  const tokens = await run();
  const { user, system } = process.cpuUsage(cpu);
  return { clock: (1000 * tokens) / (performance.now() - from), cpu: (1e6 * tokens) / (user + system) };
};

await forward();
await evaluate(asks.slice(0, 1))();
const found: { clock: number; cpu: number }[] = [];
for (let round = 0; round < Number(rounds); round++) {
  const before = await rate(forward);
  const b = await rate(evaluate(asks.slice(ROWS * round, ROWS * (round + 1))));
  const after = await rate(forward);
  const ratio = (by: 'clock' | 'cpu') => (2 * b[by]) / (before[by] + after[by]);
  found.push({ clock: ratio('clock'), cpu: ratio('cpu') });
  const told = found.at(-1)!;
  console.log(
    `round ${round}: forward ${((before.clock + after.clock) / 2).toFixed(1)} tokens/s, likelihood ${b.clock.toFixed(1)}, ` +
      `ratio ${told.clock.toFixed(2)}, of CPU ${told.cpu.toFixed(2)}`,
  );
}
const middle = (by: 'clock' | 'cpu') => found.map((f) => f[by]).sort((a, b) => a - b)[found.length >> 1];
console.log(JSON.stringify({ rows: ROWS * Number(rounds), clock: middle('clock'), cpu: middle('cpu') }));
dispose(machine);
process.exit(0);
