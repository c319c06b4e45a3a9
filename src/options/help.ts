/** The help texts, made from the options table: one page for the program, one for each verb. */
import wrapAnsi from 'wrap-ansi';
import { choicesOf, wordsFor } from './kinds.ts';
import { FILES, flagOf, GROUPS, type Key, keysOf, type Option, option, VERBS, type Verb } from './table.ts';

/** Columns, where a terminal does not say otherwise. */
const WIDTH = 100;
/** Of what cannot be broken: "(default: https://huggingface.co)". */
const LONGEST = 33;

const EXAMPLES: Record<Verb, [command: string, what: string][]> = {
  train: [
    ['train --data rows.jsonl --out adapter', 'the built-in model on your rows'],
    [
      'train --model hf:HuggingFaceTB/SmolLM2-135M-Instruct --data gsm8k.jsonl --out adapter',
      'a real model by Sparse Matrix Tuning',
    ],
    ['train recipe.json --seed 1 --out adapter', 'a saved recipe with another seed'],
    [
      'train --model DIR --data a.jsonl --targets all --budget 5%t --epochs 2 --eval 5% --out adapter',
      'more matrices, held-out loss',
    ],
  ],
  select: [['select --model DIR --data a.jsonl --budget 863b --out blocks.json', 'blocks for train --selection blocks.json']],
  eval: [
    ['eval --model DIR --adapter adapter --data test.jsonl --per-example', 'log-probability of every answer'],
    [
      'eval --model DIR --adapter adapter --task boolq,arc-easy --data dataset --rank --against base',
      'published tasks, tuned against base',
    ],
  ],
  rows: [
    ['rows --model DIR --data chats.jsonl', 'each row as text, with what is learned of it'],
    ['rows --model DIR --data chats.jsonl --out ids.jsonl', 'token ids and labels for train --data'],
  ],
  generate: [
    ['generate --adapter adapter --prompt "Once upon a time"', 'one answer'],
    ['generate --model DIR --data prompts.jsonl --temperature 0.7 --top-p 0.9', 'one answer a row, drawn by chance'],
  ],
  serve: [
    ['serve --model DIR --adapter mine=adapter', 'the models "base" and "mine" at http://127.0.0.1:8080/v1'],
    ['serve --model DIR --host 0.0.0.0 --key SECRET', 'for other machines that know the key'],
  ],
  merge: [['merge --model DIR --adapter adapter --out merged', 'a folder that transformers loads']],
  export: [
    [
      'export --model DIR --adapter adapter --format gguf --dtype q8_0 --out model.gguf',
      'a file for llama.cpp, Ollama, LM Studio',
    ],
    ['export --model model.gguf --format hf --out folder', 'a folder that transformers loads, of a GGUF'],
  ],
  plan: [
    ['plan --model DIR --batch 4 --max-length 512', 'bytes of weights, blocks, activations, ...'],
    ['plan --model DIR --table', 'methods by budgets'],
    ['plan --model DIR --cost --gpu RTX-4090', 'what a step costs by count, and about how long it takes'],
  ],
  inspect: [['inspect model.gguf adapter rows.jsonl', 'one line a file']],
  doctor: [['doctor', 'is this machine ready?']],
  bench: [
    ['bench --json', 'figures for other programs'],
    ['bench --part gemm,step', 'only the product, and whole steps'],
    ['bench --part load,decode --model DIR', 'how fast a model loads and answers'],
  ],
  compare: [
    ['compare docs/recipes/plateau-built-in.json --out plateau', 'score against trainable share; stopped, it goes on there'],
  ],
  replay: [
    ['replay adapter/receipt.json', 'the run that left adapter, compared'],
    ['replay receipt.json --model DIR --data rows.jsonl', 'where its model and data lie elsewhere here'],
  ],
  demo: [['demo', 'under two minutes, without a GPU too']],
};

const OF_RECIPES =
  'RECIPE.json holds settings by the names of the options, as --save-recipe writes them; flags beside it win. ' +
  'Relative paths in it count from the current folder, as those of flags do.';

/** What the program does and its verbs. */
export function overview(width = WIDTH): string {
  const verbs = Object.entries(VERBS).map(([verb, what]): [string, string] => [verb, what]);
  return [
    ...wrapped('blocktune: fine-tune Llama-family language models on the GPU you have, by Sparse Matrix Tuning', width),
    '',
    'Usage: blocktune VERB [options]',
    '',
    'Verbs',
    ...columns(verbs, width),
    '',
    'Examples',
    ...examples(['demo', 'train', 'generate'], width),
    '',
    ...wrapped('blocktune VERB --help lists the options of a verb.', width),
  ].join('\n');
}

/** The options of a verb, by group, with examples. */
export function help(verb: Verb, width = WIDTH): string {
  const keys = keysOf(verb);
  const left = widest(keys.map((key) => entry(key, verb)));
  const groups = (Object.keys(GROUPS) as (keyof typeof GROUPS)[]).flatMap((group) => {
    const own = keys.filter((key) => option(key).group === group);
    return own.length === 0
      ? []
      : [
          '',
          GROUPS[group],
          ...columns(
            own.map((key) => entry(key, verb)),
            width,
            left,
          ),
        ];
  });
  return [
    ...wrapped(`blocktune ${verb}: ${VERBS[verb]}`, width),
    '',
    `Usage: blocktune ${[verb, FILES[verb], '[options]'].filter(Boolean).join(' ')}`,
    ...(verb === 'train' ? ['', ...wrapped(OF_RECIPES, width)] : []),
    ...groups,
    '',
    'Examples',
    ...examples([verb], width),
  ].join('\n');
}

function entry(key: Key, verb: Verb): [string, string] {
  const one = option(key);
  const value = one.kind === 'choice' ? choicesOf(one, verb)!.join('|') : one.metavar;
  const short = value !== undefined && value.length > 14;
  const last = flagOf(key).split('-').at(-1)!.toUpperCase();
  const usual = verb === 'compare' && OF_ITS_RECIPE.includes(key) ? "the recipe's" : shown(one);
  const fallback = one.default === undefined ? '' : ` (default:\u00a0${usual})`;
  return [
    `${flagOf(key)}${value === undefined ? '' : ` ${short ? last : value}`}`,
    `${short ? `${value!.replaceAll('|', ', ')}: ` : ''}${wordsFor(one, verb)}${fallback}`,
  ];
}

/** What a comparison has of its recipe where no flag says it. */
const OF_ITS_RECIPE: Key[] = ['base', 'seed'];

const shown = (one: Option<unknown>) => (Array.isArray(one.default) ? one.default.join(',') : String(one.default));

/** A command too long for a line goes on in the next, as a shell reads it: an option and its value, or what is quoted, stay together. */
function examples(verbs: Verb[], width: number): string[] {
  const whole = (command: string) =>
    command.replace(/"[^"]*"/g, (text) => text.replaceAll(' ', '\u00a0')).replace(/(--\S+) (?!-)/g, '$1\u00a0');
  return verbs.flatMap((verb) =>
    EXAMPLES[verb].flatMap(([command, what]) => [
      ...wrapped(what, width - 4).map((line) => `  # ${line}`),
      `  ${wrapped(`blocktune ${whole(command)}`, width - 8).join(' \\\n      ')}`,
    ]),
  );
}

const widest = (rows: [string, string][]) => Math.max(...rows.map(([name]) => name.length)) + 4;

/** Two columns, the second wrapped under itself; where that leaves too little, one below the other. */
function columns(rows: [string, string][], width: number, left = widest(rows)): string[] {
  const narrow = width - left < LONGEST;
  const edge = narrow ? 6 : left;
  return rows.flatMap(([name, what]) => {
    const lines = wrapped(what, width - edge).map((line) => ' '.repeat(edge) + line);
    return narrow ? [`  ${name}`, ...lines] : [`  ${name}`.padEnd(edge) + lines[0].slice(edge), ...lines.slice(1)];
  });
}

/** Lines of at most this width, broken at spaces; a no-break space holds words together until then. */
const wrapped = (text: string, width: number) => wrapAnsi(text, width).replaceAll('\u00a0', ' ').split('\n');
