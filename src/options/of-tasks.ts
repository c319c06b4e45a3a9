// The part of the options table that is of published tasks (eval --task).

import { FORMS, TASK_NAMES } from '../tasks.ts';
import { choice, flag, int, number, type Option, or, text, texts, type Where } from './kinds.ts';

const ON_TASKS: Where = ['task', ['eval']];

export const TASK_OPTIONS = {
  task: {
    kind: 'tasks',
    group: 'task',
    verbs: ['eval'],
    choices: TASK_NAMES,
    metavar: 'NAME,...',
    help: `some of ${TASK_NAMES.join(', ')}; commonsense and math are short for several. --data: their test files, or a folder of them`,
  } as Option<string[]>,
  promptForm: or(choice(ON_TASKS, FORMS, 'prompts and reading of answers as LLM-Adapters or SMT published them'), 'llm-adapters'),
  beams: or(int(ON_TASKS, 'answers followed at once, at most 8; 4 in the published scripts', 1, 8), 1),
  repetitionPenalty: or(
    number(ON_TASKS, 'X', "as transformers has it: scores of tokens that were there before, times or by X; 1.1 in SMT's script", {
      above: 0,
    }),
    1,
  ),
  byRank: {
    ...flag(ON_TASKS, 'answer by the log-probability of the choices instead of what the model says (commonsense)'),
    flag: '--rank',
  } as Option<boolean>,
  rankBy: or(choice(ON_TASKS, ['sum', 'mean'], 'log-probability summed over the tokens of a choice, or their mean'), 'sum'),
  against: text(ON_TASKS, 'base|FILE', 'beside the adapter: the base without it; or the answers that another run wrote'),
  trainedOn: texts(ON_TASKS, 'D...', 'data that the model was trained on: tells how many of the prompts stand in it'),
  limit: int(ON_TASKS, 'so many rows of each task, drawn by the seed'),
} as const;
