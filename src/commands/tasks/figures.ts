// What answers come to: a task's share of right ones with its interval, the mean of several tasks, and two models on the same rows.

import { mcnemar, meanOf, wilson } from '../../parts.ts';
import type { Line } from '../../report.ts';
import type { Answered } from './answers.ts';
import { type Asked, decodingOf, type Protocol } from './ask.ts';
import type { AnswerLine } from './journal.ts';

type TaskLine = Extract<Line, { kind: 'task' }>;
type PairedLine = Extract<Line, { kind: 'paired' }>;

/** A task's figures; 95 % interval by Wilson. */
export function taskLine({ task, room, cut }: Asked, { lines, tokens, seconds }: Answered, protocol: Protocol): TaskLine {
  const rows = lines.length;
  const right = lines.filter((line) => line.right).length;
  const unread = lines.filter((line) => line.read === null).length;
  const { form } = protocol;
  const figures = { rows, right, ...wilson(right, rows), unread, form, decoding: decodingOf(protocol, room) };
  const made = { ...(cut > 0 && { cut }), ...(tokens > 0 && { tokens, seconds }) };
  return { kind: 'task', task: task.name, ...figures, ...made, ...(lines[0]?.model && { model: lines[0].model }) };
}

/** The unweighted mean of tasks, with the interval that theirs make. */
export function averageLine(lines: readonly TaskLine[]): TaskLine {
  const sum = (key: 'rows' | 'right' | 'unread') => lines.reduce((n, line) => n + line[key], 0);
  const { form, model } = lines[0];
  const decoding = [...new Set(lines.map((line) => line.decoding))].join('; ');
  const figures = { rows: sum('rows'), right: sum('right'), ...meanOf(lines), unread: sum('unread'), form, decoding };
  return { kind: 'task', task: 'average', ...figures, ...(model && { model }) };
}

/** Two models on the rows of a task, by McNemar's exact test. */
export function pairedLine(task: string, base: readonly AnswerLine[], tuned: readonly AnswerLine[]): PairedLine {
  const was = new Map(base.map(({ index, right }) => [index, right]));
  const changed = (to: boolean) => tuned.filter(({ index, right }) => right === to && was.get(index) !== to).length;
  const [gained, lost] = [changed(true), changed(false)];
  const right = (lines: readonly AnswerLine[]) => lines.filter((line) => line.right).length;
  return {
    kind: 'paired',
    task,
    rows: tuned.length,
    base: right(base),
    tuned: right(tuned),
    gained,
    lost,
    p: mcnemar(gained, lost),
  };
}
