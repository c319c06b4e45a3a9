// `eval --task`: a model on published tasks, by their own prompts and their own reading of answers. Every answer is told and written as
// it comes; then each task's share of right ones with its interval, the mean of all, and where two models are asked for, their difference.

import { leaked } from '../../data/leak.ts';
import { applyAdapter, withSources } from '../../parts.ts';
import type { Line } from '../../report.ts';
import { taskNamed } from '../../tasks.ts';
import { builtIn } from '../built-in.ts';
import { onGpu, openFiles } from '../open.ts';
import type { Task as Command } from '../task.ts';
import { answerTask } from './answers.ts';
import { type Asked, askTasks, positionsOf, protocolOf } from './ask.ts';
import { averageLine, pairedLine, taskLine } from './figures.ts';
import { type AnswerLine, answersIn, openJournal } from './journal.ts';
import { runsOf } from './run.ts';

export async function tasksVerb({ o, report, signal }: Command): Promise<void> {
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const protocol = protocolOf(o, opened);
  const tasks = o.task!.map((name) => taskNamed(name)!);
  const asked = await askTasks(o, tasks, opened, protocol, report);
  for (const one of asked) if (o.trainedOn) report(await leakLine(one, o.trainedOn));
  const others = o.against !== undefined && o.against !== 'base' ? await answersOf(o.against, asked) : undefined;
  const runOf = await runsOf(opened, o.adapter, protocol);
  const runs = asked.flatMap((one) => [runOf(one, true), ...(o.against === 'base' ? [runOf(one, false)] : [])]);
  try {
    await onGpu(o, { opened, longest: positionsOf(asked, protocol) }, report, async (model, { report, losses }) => {
      // what was answered before a loss stands in the journal
      const journal = await openJournal(o.out, runs, { ...o, resume: o.resume || losses > 0 });
      /** The answers of the model as it stands to all tasks, and what they come to. */
      const all = async (base: boolean) => {
        const answers: AnswerLine[][] = [];
        const lines = [];
        for (const one of asked) {
          const found = await answerTask(model, one, protocol, { run: runOf(one, !base), base, journal, report, signal });
          answers.push(found.lines);
          lines.push(taskLine(one, found, protocol));
          report(lines.at(-1)!);
        }
        if (lines.length > 1) report(averageLine(lines));
        return answers;
      };
      try {
        const base = o.against === 'base' ? await all(true) : others;
        if (o.adapter) await applyAdapter(model, o.adapter, report);
        const tuned = await all(false);
        if (base) asked.forEach(({ task }, i) => report(pairedLine(task.name, base[i], tuned[i])));
      } finally {
        await journal.close();
      }
    });
  } finally {
    await opened.files.close();
  }
}

/** How many of a task's questions stand in training data. */
async function leakLine({ task, rows }: Asked, places: readonly string[]): Promise<Extract<Line, { kind: 'leak' }>> {
  const questions = rows.map(({ instruction }) => instruction);
  const found = (await withSources(places, (sources) => leaked(sources, questions))).filter(Boolean).length;
  return { kind: 'leak', task: task.name, rows: rows.length, found };
}

/** The answers of another run to the same rows, from the file that it wrote. */
async function answersOf(path: string, asked: readonly Asked[]): Promise<AnswerLine[][]> {
  const lines = await answersIn(path);
  const runs = new Set(lines.map(({ run, task }) => JSON.stringify([run, task])));
  return asked.map(({ task, rows }) => {
    const own = lines.filter((line) => line.task === task.name);
    if ([...runs].filter((run) => JSON.parse(run)[1] === task.name).length > 1)
      throw new Error(
        `expected the answers of one run to ${task.name} in ${path}, got those of several; write each to its own file`,
      );
    const found = new Map(own.map((line) => [line.index, line]));
    return rows.map(({ index }) => {
      const line = found.get(index);
      if (line) return line;
      throw new Error(
        `expected an answer to row ${index} of ${task.name} in ${path}, got none; let the other run answer the same rows (--limit, --seed)`,
      );
    });
  });
}
