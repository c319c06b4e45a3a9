// What the page calls the options of the table, and messages said so: those of the engine name their keys, those of the rules flags.

import { named } from '../../src/options/named.ts';
import { flagOf, KEYS, type Key, keysOf } from '../../src/options/table.ts';

const LABELS: Partial<Record<Key, string>> = {
  hub: 'Model hub',
  base: 'Frozen weights stored as',
  template: 'Rows are written as',
  learn: 'What is learned',
  date: 'Day in the chat template',
  batch: 'Rows a micro-batch',
  maxLength: 'Longest row',
  noShuffle: 'Keep the order of the file',
  skipBadRows: 'Leave unsound rows out',
  layers: 'Last layers that train',
  targets: 'Matrices that may train',
  block: 'Edge of a block',
  score: 'Score of a block',
  select: 'Blocks are chosen by',
  spread: 'Spread of the blocks',
  warmup: 'Warm-up',
  warmupSteps: 'Micro-batches of the warm-up',
  selection: 'Blocks chosen before',
  share: 'Share that is blocks',
  loraLr: 'Learning rate of the adapters',
  recompute: 'Recompute layers',
  memory: 'GPU memory it may take',
  accumulate: 'Micro-batches a step',
  lr: 'Learning rate',
  lrWarmup: 'Steps in which the rate rises',
  eps: 'Epsilon',
  clip: 'Largest gradient norm',
  eval: 'Held out',
  evalEvery: 'Steps between evaluations',
  checkpointEvery: 'Steps between checkpoints',
  resume: 'Go on from a checkpoint',
  keep: 'Checkpoints kept',
  maxSkips: 'Skipped steps in a row that end it',
  spike: 'Tell of a norm over medians',
  tensorboard: 'Curves for TensorBoard',
  perExample: 'A line a row',
  chat: 'As a chat',
  maxNewTokens: 'Longest answer',
  topP: 'Top-p',
  out: 'Folder',
  force: 'Write over what is there',
  saveRecipe: 'Save the recipe',
  dtype: 'Values of the result',
  svd: 'LoRA rank',
  tune: 'Measure kernels',
  json: 'JSON',
};

/** The label of an option; one that has none yet is called by its key: lrWarmup is "Lr warmup". */
export function labelOf(key: Key): string {
  const words = key.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return LABELS[key] ?? words.replace(/^./, (letter) => letter.toUpperCase());
}

/** A flag that means two things is the run's. */
const BY_FLAG = new Map([...KEYS, ...keysOf('train')].map((key) => [flagOf(key), key]));

/** A message of the engine in the page's words: options by their labels, and a sentence that begins and ends as one. */
export function inPageWords(text: string): string {
  const labelled = (key: Key) => `“${labelOf(key)}”`;
  const said = named(text, labelled).replace(/--([a-z][a-z-]*)/g, (flag) => {
    const key = BY_FLAG.get(flag);
    return key === undefined ? flag : labelled(key);
  });
  // a name of a file stays what it is
  const whole = said.trim().replace(/^[a-z](?=[a-z]*[\s,;:])/, (letter) => letter.toUpperCase());
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
