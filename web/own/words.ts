// What the page calls the options of the table, and messages said so: those of the engine name their keys, those of the rules flags.

import { named } from '../../src/options/named.ts';
import { flagOf, KEYS, type Key, keysOf } from '../../src/options/table.ts';

const LABELS: Partial<Record<Key, string>> = {
  model: 'Model',
  hub: 'Model hub',
  base: 'Frozen weights stored as',
  adapter: 'Adapter',
  data: 'Data',
  columns: 'Columns',
  template: 'Rows are written as',
  learn: 'What is learned',
  date: 'Day in the chat template',
  batch: 'Rows a micro-batch',
  maxLength: 'Longest row',
  noShuffle: 'Keep the order of the file',
  skipBadRows: 'Leave unsound rows out',
  method: 'Method',
  preset: 'Preset',
  layers: 'Last layers that train',
  targets: 'Matrices that may train',
  budget: 'Budget',
  block: 'Edge of a block',
  score: 'Score of a block',
  select: 'Blocks are chosen by',
  spread: 'Spread of the blocks',
  warmup: 'Warm-up',
  warmupSteps: 'Micro-batches of the warm-up',
  selection: 'Blocks chosen before',
  scores: 'Scores',
  stability: 'Stability',
  rank: 'Rank',
  alpha: 'Alpha',
  dropout: 'Dropout',
  share: 'Share that is blocks',
  loraLr: 'Learning rate of the adapters',
  recompute: 'Recompute layers',
  memory: 'GPU memory it may take',
  steps: 'Steps',
  epochs: 'Epochs',
  accumulate: 'Micro-batches a step',
  seed: 'Seed',
  lr: 'Learning rate',
  schedule: 'Schedule',
  lrWarmup: 'Steps in which the rate rises',
  betas: 'Betas',
  eps: 'Epsilon',
  weightDecay: 'Weight decay',
  clip: 'Largest gradient norm',
  eval: 'Held out',
  evalEvery: 'Steps between evaluations',
  patience: 'Patience',
  guard: 'Guard',
  checkpointEvery: 'Steps between checkpoints',
  resume: 'Go on from a checkpoint',
  keep: 'Checkpoints kept',
  maxSkips: 'Skipped steps in a row that end it',
  spike: 'Tell of a norm over medians',
  tensorboard: 'Curves for TensorBoard',
  perExample: 'A line a row',
  prompt: 'Prompt',
  chat: 'As a chat',
  maxNewTokens: 'Longest answer',
  temperature: 'Temperature',
  topP: 'Top-p',
  out: 'Folder',
  force: 'Write over what is there',
  saveRecipe: 'Save the recipe',
  format: 'Format',
  dtype: 'Values of the result',
  svd: 'LoRA rank',
  table: 'Table',
  part: 'Part',
  runtime: 'Runtime',
  device: 'Device',
  arithmetic: 'Arithmetic',
  tune: 'Measure kernels',
  json: 'JSON',
  quiet: 'Quiet',
  help: 'Help',
  version: 'Version',
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
