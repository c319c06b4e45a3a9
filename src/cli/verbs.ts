// What each verb does: opens what it needs, runs it, writes what comes out. The work itself is in tune and eval.

import recipe from '../../demo/recipe.json' with { type: 'json' };
import type { Verb } from '../options.ts';
import { evaluateVerb, generateVerb } from '../tune/answer.ts';
import { compareVerb } from '../tune/compare/verb.ts';
import { demo } from '../tune/demo.ts';
import { inspectVerb } from '../tune/inspect.ts';
import { planVerb } from '../tune/memory-plan.ts';
import { mergeVerb } from '../tune/merge.ts';
import type { Task } from '../tune/task.ts';
import { selectVerb, trainVerb } from '../tune/verbs.ts';

const notYet = (verb: string) => async () => {
  throw new Error(`expected a verb that this version has, got ${verb}: it is planned and not built yet.`);
};

export const VERBS_RUN: Record<Verb, (task: Task) => Promise<void>> = {
  train: trainVerb,
  select: selectVerb,
  eval: evaluateVerb,
  generate: generateVerb,
  merge: mergeVerb,
  export: notYet('export'),
  plan: planVerb,
  inspect: inspectVerb,
  doctor: notYet('doctor'),
  bench: notYet('bench'),
  compare: compareVerb,
  demo: (task) => demo(task, recipe.smt),
};
