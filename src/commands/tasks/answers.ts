// A model's answers to a task, told and written as they come; those that were written before are not made again.

import { type Model, rankAll, sayAll } from '../../parts.ts';
import type { Report } from '../../report.ts';
import { isRight, readAnswer, response } from '../../tasks.ts';
import type { Asked, Protocol } from './ask.ts';
import type { AnswerLine, Journal } from './journal.ts';

/** Where answers go: of which run they are, and whether that is the base beside a tuned model. */
export interface Telling {
  run: string;
  base: boolean;
  journal: Journal;
  report: Report;
  signal: AbortSignal;
}

/** Answers in the order of the rows, and what was read for those made now: tokens of prompts, and seconds. */
export interface Answered {
  lines: AnswerLine[];
  tokens: number;
  seconds: number;
}

/** All answers of a model to a task. */
export async function answerTask(model: Model, asked: Asked, protocol: Protocol, t: Telling): Promise<Answered> {
  const { task, rows } = asked;
  const lines = rows.map(({ index }) => t.journal.has(t.run, task.name, index));
  const left = rows.flatMap((_, i) => (lines[i] ? [] : [i]));
  for (const line of lines) if (line) t.report(line);
  t.report({ kind: 'start', phase: 'answers', total: left.length });
  const from = performance.now();
  let done = 0;
  for await (const said of left.length ? saying(model, asked, left, protocol, t) : []) {
    const { index, answer } = rows[left[done]];
    const kept: AnswerLine = { kind: 'answer', task: task.name, index, answer, ...said, right: isRight(task, said.read, answer) };
    const line = inOrder(t.base ? { ...kept, model: 'base' } : kept);
    lines[left[done++]] = line;
    await t.journal.add(t.run, line);
    t.report(line);
    t.report({ kind: 'progress', done });
  }
  const tokens = left.slice(0, done).reduce((n, i) => n + asked.asks[i].prompt.length, 0);
  return { lines: lines.filter((line) => line !== undefined), tokens, seconds: (performance.now() - from) / 1000 };
}

type Said = Pick<AnswerLine, 'text' | 'read' | 'logprobs'>;

/** What the model says to some of the rows, or chooses. */
async function* saying(model: Model, asked: Asked, left: number[], protocol: Protocol, t: Telling): AsyncGenerator<Said> {
  const { task, asks, choices, room } = asked;
  const { rank, form, eos, batch, beams, repetitionPenalty } = protocol;
  const some = left.map((i) => asks[i]);
  let at = 0;
  if (!rank) {
    const prompts = some.map(({ prompt }) => prompt);
    const o = { maxNewTokens: room, eos, batch, beams, repetitionPenalty };
    for await (const ids of sayAll(model, prompts, o, t.report, t.signal)) {
      const text = model.tokenizer.decode(ids, { skip_special: true });
      yield { text, read: readAnswer(task, form, text) };
    }
    return;
  }
  for await (const logprobs of rankAll(model, some, { batch }, t.report)) {
    const scores = logprobs.map((x, way) => (rank === 'sum' ? x : x / some[at].ways[way].length));
    if (!scores.every(Number.isFinite))
      throw new Error('expected finite log-probabilities, got others: the model or the adapter is broken.');
    const best = scores.indexOf(Math.max(...scores));
    const read = choices[left[at++]][best];
    yield { text: response(read), read, logprobs };
  }
}

/** The keys as the contract of the lines lists them. */
const inOrder = ({ kind, task, index, text, answer, read, right, ...more }: AnswerLine): AnswerLine => ({
  ...{ kind, task, index, text, answer, read, right },
  ...more,
});
