// What each verb runs. Its code is loaded when it is asked for, so that help and small verbs start at once.

import recipe from '../../demo/recipe.json' with { type: 'json' };
import type { Verb } from '../options.ts';
import type { Task } from '../tune/task.ts';

type Run = (task: Task) => Promise<void>;

const notYet = (verb: Verb) => async (): Promise<Run> => {
  throw new Error(`expected a verb that this version has, got ${verb}: it is planned and not built yet.`);
};

/** Loads a verb's code. */
export const LOAD: Record<Verb, () => Promise<Run>> = {
  train: async () => (await import('../tune/verbs.ts')).trainVerb,
  select: async () => (await import('../tune/verbs.ts')).selectVerb,
  eval: async () => (await import('../tune/answer.ts')).evaluateVerb,
  generate: async () => (await import('../tune/answer.ts')).generateVerb,
  merge: async () => (await import('../tune/merge.ts')).mergeVerb,
  export: notYet('export'),
  plan: async () => (await import('../tune/memory-plan.ts')).planVerb,
  inspect: async () => (await import('../tune/inspect.ts')).inspectVerb,
  doctor: async () => (await import('../tune/doctor.ts')).doctorVerb,
  bench: async () => (await import('../bench/verb.ts')).benchVerb,
  compare: async () => (await import('../tune/compare/verb.ts')).compareVerb,
  demo: async () => {
    const { demo } = await import('../tune/demo.ts');
    return (task) => demo(task, recipe.smt);
  },
};
