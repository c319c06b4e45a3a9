// What each verb runs. Its code is loaded when it is asked for, so that help and small verbs start at once.

import recipe from '../../demo/recipe.json' with { type: 'json' };
import type { Task } from '../commands/task.ts';
import type { Verb } from '../options/table.ts';

type Run = (task: Task) => Promise<void>;

/** Loads a verb's code. */
export const LOAD: Record<Verb, () => Promise<Run>> = {
  train: async () => {
    const { savingRecipe } = await import('../commands/recipe.ts');
    return savingRecipe('train', (await import('../commands/train.ts')).trainVerb);
  },
  select: async () => (await import('../commands/select.ts')).selectVerb,
  eval: async () => (await import('../commands/eval.ts')).evaluateVerb,
  rows: async () => (await import('../commands/rows.ts')).rowsVerb,
  generate: async () => (await import('../commands/generate.ts')).generateVerb,
  serve: async () => (await import('../commands/serve/verb.ts')).serveVerb,
  merge: async () => (await import('../commands/export/verb.ts')).exportVerb,
  export: async () => (await import('../commands/export/verb.ts')).exportVerb,
  plan: async () => (await import('../commands/plan.ts')).planVerb,
  inspect: async () => (await import('../commands/inspect.ts')).inspectVerb,
  doctor: async () => (await import('../commands/doctor/doctor.ts')).doctorVerb,
  bench: async () => (await import('../commands/bench/verb.ts')).benchVerb,
  compare: async () => (await import('../commands/compare/verb.ts')).compareVerb,
  replay: async () => (await import('../commands/replay.ts')).replayVerb,
  demo: async () => {
    const { demo } = await import('../commands/demo.ts');
    return (task) => demo(task, recipe.smt);
  },
};
