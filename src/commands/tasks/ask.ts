// What is asked on a task: its rows, as many as wanted, each as the token ids that the model reads, and how it is to answer.

import { readTask, someOf, type TaskRow } from '../../data/task-rows.ts';
import { sha256 } from '../../io/hash.ts';
import type { Settled } from '../../options/table.ts';
import { type Ask, endsOf, longestRow, type OpenModel } from '../../parts.ts';
import type { Report } from '../../report.ts';
import { choicesOf, type Form, longestAnswer, response, type Task, taskPrompt } from '../../tasks.ts';
import { several } from '../../words.ts';
import { taskFiles } from './files.ts';

/** How a model is asked. */
export interface Protocol {
  form: Form;
  /** By log-probability of the choices: summed, or a token's mean; else by what the model says. */
  rank?: 'sum' | 'mean';
  /** Longest answer, in tokens; left out: as the form has it for the task. */
  maxNewTokens?: number;
  beams: number;
  repetitionPenalty: number;
  /** Ids that end an answer. */
  eos: readonly number[];
  /** Rows that are answered at once at most. */
  batch?: number;
  /** Tokens of a prompt and its answer at most. */
  positions: number;
}

/** A task's rows with their prompts as the model reads them. */
export interface Asked {
  task: Task;
  rows: TaskRow[];
  /** In the order of the rows; without ways where the answer is said. */
  asks: Ask[];
  /** The choices that the ways of each row stand for. */
  choices: string[][];
  /** Longest answer, in tokens. */
  room: number;
  /** Prompts that were cut from the left. */
  cut: number;
  /** SHA-256 of the task's file. */
  sha256: string;
}

export function protocolOf(o: Settled, opened: OpenModel): Protocol {
  const { max_position_embeddings: own } = opened.files.config;
  return {
    form: o.promptForm,
    rank: o.byRank ? o.rankBy : undefined,
    maxNewTokens: o.given.maxNewTokens,
    beams: o.beams,
    repetitionPenalty: o.repetitionPenalty,
    eos: endsOf(opened),
    batch: o.given.batch,
    positions: Math.min(own, o.given.maxLength ?? own),
  };
}

/** The way of answering in words, for lines and files. */
export function decodingOf({ rank, beams, repetitionPenalty }: Protocol, room: number): string {
  if (rank) return rank === 'sum' ? 'log-probability' : 'log-probability a token';
  const penalty = repetitionPenalty !== 1 && `repetition penalty ${repetitionPenalty}`;
  return [beams > 1 ? `${beams} beams` : 'greedy', penalty, several(room, 'token')].filter(Boolean).join(', ');
}

/** Positions that the model must have been loaded for. */
export const positionsOf = (asked: readonly Asked[], { rank }: Protocol): number =>
  asked.reduce((n, { asks, room }) => Math.max(n, rank ? longestRow(asks) : longestPrompt(asks) + room), 1);

const longestPrompt = (asks: readonly Ask[]) => asks.reduce((n, { prompt }) => Math.max(n, prompt.length), 1);

/** Opens the tasks' files and makes their prompts; tells what was cut and left out. */
export async function askTasks(
  o: Settled,
  tasks: readonly Task[],
  opened: OpenModel,
  protocol: Protocol,
  report: Report,
): Promise<Asked[]> {
  const files = await taskFiles(tasks, o.data!);
  const asked: Asked[] = [];
  try {
    for (const [i, task] of tasks.entries()) {
      const { rows, bad, firstFault } = await readTask(files[i], task, o.skipBadRows);
      const bytes = await files[i].read(0, files[i].size);
      const some = someOf(rows, o.limit, o.seed);
      asked.push({ ...asAsked(task, some, opened, protocol), sha256: await sha256(bytes) });
      const of = some.length < rows.length ? `${some.length} of ${several(rows.length, 'row')}` : several(rows.length, 'row');
      report({ kind: 'note', about: 'data', text: `${task.name}: ${of} of ${files[i].name}` });
      if (bad) report({ kind: 'warning', text: `${task.name}: ${several(bad, 'bad row')} skipped (first: ${firstFault})` });
      const { cut } = asked.at(-1)!;
      if (cut)
        report({
          kind: 'warning',
          text: `${task.name}: ${several(cut, 'prompt')} cut from the left: with ${several(asked.at(-1)!.room, 'token')} of answer they are longer than ${protocol.positions} positions`,
        });
    }
    return asked;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

function asAsked(task: Task, rows: TaskRow[], { files, tokenizer }: OpenModel, protocol: Protocol): Omit<Asked, 'sha256'> {
  const { form, rank, positions } = protocol;
  const choices = rows.map((row) => (rank ? choicesOf(task, row) : []));
  const ids = (text: string, special: boolean) => checked(tokenizer.encode(text, { special }), files.config.vocab_size);
  const ways = choices.map((some) => some.map((choice) => ids(response(choice), false)));
  const room = rank ? Math.max(...ways.flat().map((way) => way.length)) : (protocol.maxNewTokens ?? longestAnswer(task, form));
  if (room >= positions)
    throw new Error(
      `expected answers of fewer than ${positions} tokens, which are the positions that a prompt and its answer have, got ${room}; give --max-new-tokens`,
    );
  let cut = 0;
  const asks = rows.map((row, i) => {
    const whole = ids(taskPrompt(form, row), true);
    const most = positions - (rank ? Math.max(...ways[i].map((way) => way.length)) : room);
    if (whole.length > most) cut++;
    return { prompt: whole.slice(-most), ways: ways[i] };
  });
  return { task, rows, asks, choices, room, cut };
}

function checked(ids: number[], vocab_size: number): number[] {
  const past = ids.find((id) => id >= vocab_size);
  if (past === undefined) return ids;
  throw new Error(
    `expected token ids below the ${vocab_size} rows of the embedding, got ${past} in a prompt; the tokenizer is of another model`,
  );
}
