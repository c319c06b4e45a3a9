// The verb `demo`: the built-in model learns the built-in task, and shows what it could do before and what it can do after:
// the new skill on held-out prompts, and the old skills on prompts of the data that the base was trained on.

import { RECEIPT } from '../io/adapter.ts';
import { checkWritable, writeFolder } from '../io/write.ts';
import { readRecipe } from '../options/recipe.ts';
import { type Options, type Settled, withDefaults } from '../options/table.ts';
import {
  type Answer,
  answerRows,
  endsOf,
  type IndexedRow,
  longestOf,
  type Model,
  type OpenModel,
  positionsToAnswer,
  resultFiles,
  tune,
} from '../parts.ts';
import type { Compared, Report } from '../report.ts';
import { builtIn } from './built-in.ts';
import { onGpu, openFiles, openRows } from './open.ts';
import { withReceipt } from './receipt.ts';
import { methodFrom, tuneOptions } from './settings.ts';
import type { Task } from './task.ts';

export interface Places {
  model: string;
  train: string;
  heldOut: string;
  keep: string;
}

/** The built-in model and task on disk. */
export const builtInPlaces = (): Places => ({
  model: builtIn('model'),
  train: builtIn('task/train.jsonl'),
  heldOut: builtIn('task/heldout.jsonl'),
  keep: builtIn('task/keep.jsonl'),
});

/** Where the demo leaves its adapter, unless told otherwise. */
const OUT = 'out/demo-adapter';
/** What may lie there: an adapter that an earlier demo left. */
const ADAPTER = ['adapter_config.json', 'adapter_model.safetensors', RECEIPT];
/** Held-out prompts that are shown with their answers. */
const SHOWN = 6;

type Exam = { skill: string; how: string; rows: IndexedRow[] };

export async function demo(task: Task, recipe: object, places: Places = builtInPlaces()): Promise<void> {
  const { report, signal } = task;
  const out = task.o.out ?? OUT;
  const place = { force: task.o.force || (await checkWritable(out, { beside: ADAPTER, force: task.o.force })).length > 0 };
  const o = settled(recipe, task.o);
  const opened = await openFiles(o, places.model, report);
  const { rows } = await openRows(o, opened, [places.train], report);
  const read = async (file: string) => (await openRows(o, opened, [file], () => {})).rows;
  const exams: Exam[] = [
    { skill: 'new skill', how: 'held-out prompts answered exactly', rows: await read(places.heldOut) },
    { skill: 'old skills', how: 'prompts of the old kinds answered exactly', rows: await read(places.keep) },
  ];
  const positions = Math.max(longestOf(rows), ...exams.map((e) => positionsToAnswer(e.rows)));
  try {
    await onGpu(o, { opened, longest: positions }, report, async (model, life) => {
      const { report } = life;
      const before = await examine(model, opened, exams, 'before', report, signal);
      if (signal.aborted) return;
      const settings = { ...tuneOptions(o, methodFrom(o)), autotune: false, checkpoints: undefined, life };
      const tuned = await tune(model, { rows }, settings, report, signal);
      const after = await examine(model, opened, exams, 'after', report, signal);
      if (!signal.aborted) report(skills(opened, exams, before, after));
      if (!tuned.made) return;
      const recorded = { given: o.given, record: tuned.record!, gpu: model.gpu, runtime: task.runtime };
      await writeFolder(out, withReceipt(await resultFiles(model, tuned.made, 'f32'), recorded), place);
      const tokens_per_second = tuned.inputTokens / Math.max(1e-9, tuned.seconds);
      report({ kind: 'done', out, steps: tuned.steps, seconds: tuned.seconds, tokens_per_second, made: 'adapter' });
    });
  } finally {
    await opened.files.close();
  }
}

/** The recipe's settings, held to the rules of the command line, with the machine and the seed of this command. */
function settled(recipe: object, { device, seed }: Settled): Settled {
  const own: Options = { device, seed };
  return withDefaults({ ...readRecipe('train', recipe), ...own });
}

/** Answers to the prompts of every exam, one exam after the other. */
async function examine(
  model: Model,
  opened: OpenModel,
  exams: Exam[],
  when: 'before' | 'after',
  report: Report,
  signal: AbortSignal,
): Promise<Answer[][]> {
  const all = exams.reduce((n, e) => n + e.rows.length, 0);
  report({ kind: 'start', phase: when, total: all });
  const answers: Answer[][] = [];
  let done = 0;
  for (const { rows } of exams)
    answers.push(
      await answerRows(model, rows, { eos: endsOf(opened), signal }, () => report({ kind: 'progress', done: ++done })),
    );
  return answers;
}

function skills({ tokenizer }: OpenModel, exams: Exam[], before: Answer[][], after: Answer[][]) {
  const text = (ids: ArrayLike<number>) => tokenizer.decode(ids, { skip_special: true }).trim();
  const said = (a: Answer) => ({ text: text(a.ids), right: a.right });
  const [held] = exams;
  const examples: Compared[] = held.rows.slice(0, SHOWN).map((row, i) => ({
    prompt: text(row.ids.subarray(0, row.promptLength)),
    before: said(before[0][i]),
    after: said(after[0][i]),
  }));
  const right = (answers: Answer[]) => answers.filter((a) => a.right).length;
  const scores = exams.map(({ skill, how, rows }, i) => ({
    skill,
    how,
    before: right(before[i]),
    after: right(after[i]),
    of: rows.length,
  }));
  return { kind: 'skills' as const, examples, scores };
}
