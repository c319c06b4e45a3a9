// How long a server takes beside the command line's own work, on one model, in turn in one process: the first token of an answer to a
// prompt of 100 tokens, streamed over HTTP, beside that of `generate`; and 32 requests at once for the log-probabilities of a row each,
// beside `eval` of the 32 rows. Device and programs are ready on both sides. Ratios are of time and, as others may
// use the machine, of processors' time. `measure.ts MODEL ROWS.jsonl [ROUNDS]`, rows of text.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { planDecoding } from '../../../src/eval/decoding.ts';
import { generateAll } from '../../../src/eval/generate.ts';
import { planLikelihood, scoreRows, sizesOf } from '../../../src/eval/likelihood.ts';
import { prepare } from '../../../src/gpu/run.ts';
import { loadModel, openGpu, openModel } from '../../../src/index.ts';
import { serve } from '../../../test/commands/served.ts';

const [place, file, rounds = '5'] = process.argv.slice(2);
const [PROMPT, ROWS, BATCH] = [100, 32, 4];
const server = await serve(['--model', place]);
const opened = await openModel(place);
const texts: { prompt: string; completion: string }[] = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));
const ids = texts.map(({ prompt, completion }) => opened.tokenizer.encode(prompt + completion, { special: true })).slice(0, ROWS);
const rows = ids.map((row) => ({ ids: Int32Array.from(row), labels: Int32Array.from(row), promptLength: 1 }));
const long = ids.flat().slice(0, PROMPT);
const longest = Math.max(PROMPT + 8, ...ids.map((row) => row.length));
const model = await loadModel(await openGpu(), opened, { longest });
const { gpu, decoder, planning, scope } = model;

const post = (body: object) => {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return fetch(`${server.url}/v1/completions`, init);
};
/** Milliseconds that a work took, and those of processors, which others on the machine do not lengthen. */
const taken = async (run: () => Promise<unknown>) => {
  const [from, cpu] = [performance.now(), process.cpuUsage()];
  await run();
  const { user, system } = process.cpuUsage(cpu);
  return { ms: performance.now() - from, cpu: (user + system) / 1000 };
};
type Taken = Awaited<ReturnType<typeof taken>>;

const decoding = planDecoding(decoder, longest, planning, 1);
const answering = await prepare(gpu, decoding.plan, scope);
const generated = () =>
  taken(async () => {
    const sampling = { max_new_tokens: 1, temperature: 0, top_p: 1, eos: [] };
    for await (const _ of generateAll(answering, decoding, [{ prompt: long, seed: 0 }], sampling));
  });
const streamed = () =>
  taken(async () => {
    const reader = (await post({ prompt: long, max_tokens: 1, temperature: 0, stream: true })).body!.getReader();
    while (!(await reader.read()).done);
  });

const sizes = sizesOf(rows, BATCH);
const { plan, stream } = planLikelihood(decoder, sizes, planning);
const scoring = { machine: await prepare(gpu, plan, scope), stream, sizes };
let sums: number[] = [];
const evaluated = () =>
  taken(async () => {
    sums = (await scoreRows(gpu, scoring, rows, BATCH)).map(({ logprob }) => logprob);
  });
let got: number[] = [];
const asked = () =>
  taken(async () => {
    const ask = async (row: number[]) => {
      const { choices } = await (await post({ prompt: [row], max_tokens: 1, temperature: 0, logprobs: 1, echo: true })).json();
      return choices[0].logprobs.token_logprobs.slice(1, -1).reduce((sum: number, x: number) => sum + x, 0);
    };
    got = await Promise.all(ids.map(ask));
  });

/** The ratios of two, each round one after the other and then the other way round; the first is thrown away. */
async function beside(ours: () => Promise<Taken>, theirs: () => Promise<Taken>) {
  const found: { ours: Taken; theirs: Taken }[] = [];
  for (let round = 0; round <= Number(rounds); round++) {
    const [a, b, c, d] = [await theirs(), await ours(), await ours(), await theirs()];
    const both = (x: Taken, y: Taken) => ({ ms: (x.ms + y.ms) / 2, cpu: (x.cpu + y.cpu) / 2 });
    if (round) found.push({ ours: both(b, c), theirs: both(a, d) });
  }
  const middle = (of: (f: (typeof found)[number]) => number) => found.map(of).sort((a, b) => a - b)[found.length >> 1];
  const ratios = found.map((f) => f.ours.ms / f.theirs.ms).sort((a, b) => a - b);
  return {
    ...{ ms: middle((f) => f.ours.ms), beside: middle((f) => f.theirs.ms), ratio: middle((f) => f.ours.ms / f.theirs.ms) },
    ...{ from: ratios[0], to: ratios.at(-1), cpu: middle((f) => f.ours.cpu / f.theirs.cpu) },
  };
}

const first = await beside(streamed, generated);
const many = await beside(asked, evaluated);
const off = Math.max(...got.map((sum, i) => Math.abs(sum - sums[i])));
console.log(JSON.stringify({ first, many: { ...many, rows: got.length, tokens: ids.flat().length, off } }));
process.exit(0);
