/**
 * What makes options sound: the values that each may take, and which contradict each other. One set of rules for the
 * command line and for saved recipes; a fault is a sentence, no fault is undefined.
 */
import { EXPORT_FORMATS, EXPORTS, type ExportFormat } from '../formats.ts';
import { GPU_NAMES, gpuNamed } from '../gpus.ts';
import { METHODS, methodNamed } from '../methods/index.ts';
import { looksLikeBudget } from '../methods/smt/budget.ts';
import { looksLikeSize } from '../size.ts';
import { taskNamed } from '../tasks.ts';
import { choicesOf } from './kinds.ts';
import { faultOfServer } from './of-server.ts';
import { flagOf, type Key, type Option, type Options, option, type Verb, withDefaults } from './table.ts';

/** What is wrong with a value of this option (of this verb), or undefined. */
export function faultOf(key: Key, value: unknown, verb?: Verb): string | undefined {
  const one = { ...option(key), choices: choicesOf(option(key), verb) };
  const wanted = expected(one);
  return sound(one, value) ? undefined : `expected ${flagOf(key)} to be ${wanted}, got ${JSON.stringify(value)}`;
}

/** The values that an option takes, in words. */
export function expected({ kind, choices, min, above, max, below }: Option<unknown>): string {
  if (kind === 'flag') return 'true or false';
  if (kind === 'text') return 'a text';
  if (kind === 'day') return 'a day such as 2024-07-26';
  if (kind === 'texts') return 'one or more texts';
  if (kind === 'choice') return choices!.length === 1 ? choices![0] : `one of ${choices!.join(' ')}`;
  if (kind === 'choices' || kind === 'tasks') return `some of ${choices!.join(' ')}`;
  if (kind === 'pair') return 'two numbers from 0 to below 1, such as 0.9,0.95';
  if (kind === 'block') return 'auto or a whole number from 1';
  if (kind === 'rate') return 'auto or a number above 0';
  if (kind === 'size') return 'a size such as 6GB or 900MiB';
  if (kind === 'budget') return 'a budget such as 0.84%, 5%t, 863b or attn=0.8%,mlp=0.2%';
  if (kind === 'gpu') return `TFLOP/s and GB/s such as 13.6,400, or one of ${GPU_NAMES.join(', ')}`;
  const bounds = [
    min !== undefined && `from ${min}`,
    above !== undefined && `above ${above}`,
    max !== undefined && `to ${max}`,
    below !== undefined && `below ${below}`,
  ];
  return [kind === 'int' ? 'a whole number' : 'a number', ...bounds.filter(Boolean)].join(' ');
}

function sound({ kind, choices, min, above, max, below }: Option<unknown>, value: unknown): boolean {
  const all = (list: unknown, each: (item: unknown) => boolean) => Array.isArray(list) && list.length > 0 && list.every(each);
  const number = Number.isFinite(value) ? (value as number) : Number.NaN;
  switch (kind) {
    case 'flag':
      return typeof value === 'boolean';
    case 'text':
      return typeof value === 'string' && value !== '';
    case 'day': {
      const at = typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) ? new Date(value) : new Date(Number.NaN);
      return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(value as string);
    }
    case 'texts':
      return all(value, (item) => typeof item === 'string' && item !== '');
    case 'choice':
      return choices!.includes(value as string);
    case 'choices':
    case 'tasks':
      return (
        all(value, (item) => choices!.includes(item as string)) && new Set(value as string[]).size === (value as string[]).length
      );
    case 'pair':
      return (
        all(value, (item) => Number.isFinite(item) && (item as number) >= 0 && (item as number) < 1) &&
        (value as unknown[]).length === 2
      );
    case 'rate':
      return value === 'auto' || number > 0;
    case 'block':
      return value === 'auto' || (Number.isSafeInteger(value) && number >= 1);
    case 'gpu':
      return typeof value === 'string' && gpuNamed(value) !== undefined;
    case 'size':
      return typeof value === 'string' && looksLikeSize(value);
    case 'budget':
      return typeof value === 'string' && looksLikeBudget(value);
    default: {
      const whole = kind !== 'int' || Number.isSafeInteger(value);
      return (
        whole &&
        number >= (min ?? number) &&
        number > (above ?? -Infinity) &&
        number <= (max ?? number) &&
        number < (below ?? Infinity)
      );
    }
  }
}

/** Options that only some methods take. */
const OF_METHODS = [...new Set(METHODS.flatMap((m) => m.takes))] as Key[];
/** Those of a method whose adapters say them themselves. */
const SAID_BY_ADAPTERS = OF_METHODS.filter((key) => !['adapter', 'dtype', 'dropout', 'loraLr'].includes(key));

// Options that cannot stand together.
const EITHER: [Key, Key][] = [
  ['steps', 'epochs'],
  ...(['budget', 'score', 'select', 'spread', 'kappa', 'warmup', 'warmupSteps'] as const).map((key): [Key, Key] => [
    'selection',
    key,
  ]),
  ...SAID_BY_ADAPTERS.map((key): [Key, Key] => ['adapter', key]),
  ['prompt', 'data'],
  ['resume', 'force'],
  ...(['perExample', 'columns', 'template', 'learn'] as const).map((key): [Key, Key] => ['task', key]),
  ...(['maxNewTokens', 'beams', 'repetitionPenalty'] as const).map((key): [Key, Key] => ['byRank', key]),
  ['table', 'method'],
  ['table', 'device'],
  ['table', 'cost'],
  ['table', 'gpu'],
];

// Options that mean nothing without another.
const NEEDS: Partial<Record<Verb, [Key, Key][]>> = {
  train: [
    ['evalEvery', 'eval'],
    ['patience', 'eval'],
    ['resume', 'out'],
    ['checkpointEvery', 'out'],
    ['keep', 'out'],
  ],
  eval: [
    ...(
      [
        'promptForm',
        'beams',
        'repetitionPenalty',
        'byRank',
        'against',
        'trainedOn',
        'limit',
        'maxNewTokens',
        'out',
        'resume',
        'force',
      ] as const
    ).map((key): [Key, Key] => [key, 'task']),
    ['task', 'data'],
    ['rankBy', 'byRank'],
    ['resume', 'out'],
    ['force', 'out'],
  ],
};

const REQUIRED: Partial<Record<Verb, Key[]>> = { merge: ['adapter', 'out'], export: ['out'] };

/** The first contradiction among the options given to a verb, or undefined. */
export function contradiction(verb: Verb, given: Options): string | undefined {
  const has = (key: Key) => given[key] !== undefined && given[key] !== false;
  for (const [one, other] of EITHER)
    if (has(one) && has(other)) return `expected ${flagOf(one)} or ${flagOf(other)}, got both; leave one out`;
  const usual = withDefaults({});
  // a saved recipe says defaults too
  for (const [key, other] of NEEDS[verb] ?? [])
    if (has(key) && given[key] !== usual[key] && !has(other))
      return `expected ${flagOf(other)} beside ${flagOf(key)}, got none; give it`;
  for (const key of REQUIRED[verb] ?? []) if (!has(key)) return `expected ${flagOf(key)}, got none; ${verb} needs it`;
  if (given.against === 'base' && !has('adapter'))
    return 'expected --adapter beside --against base, got none; give it, or --against FILE with the answers of the base';
  const counted = given.byRank ? given.task?.filter((name) => !taskNamed(name)?.words) : [];
  if (counted?.length)
    return `expected --rank with tasks of choices, got ${counted.join(', ')}, whose answers are open; leave --rank or them out`;
  if (verb === 'serve') return faultOfServer(given);
  if ((verb === 'train' || verb === 'plan') && !has('table')) return ofMethod(given, has);
  if (verb === 'merge' || verb === 'export') return ofExport(given);
  return ofSelect(given, has);
}

function ofMethod(given: Options, has: (key: Key) => boolean): string | undefined {
  const { method, warmup, decayToward, weightDecay } = withDefaults(given);
  const { takes, adapters, rates } = methodNamed(method);
  if (given.lr === 'auto' && (!rates || warmup === 'full'))
    return `expected --lr to be a number with ${rates ? '--warmup full' : `--method ${method}`}, whose first steps stay, got auto; give one or leave it out`;
  for (const key of OF_METHODS)
    if (has(key) && !takes.includes(key) && !(has('adapter') && (key === 'dropout' || (key === 'loraLr' && !has('method')))))
      return `expected ${flagOf(key)} with --method ${taking(key)}, got --method ${method}; leave it out`;
  const fault = faultOfOptimizer(given);
  if (fault && !has('adapter')) return fault; // of what method an adapter is, only the adapter says
  if (decayToward === 'base' && weightDecay === 0) return 'expected --weight-decay beside --decay-toward base, got none; give it';
  if (has('adapter') && !adapters)
    return `expected --adapter with --method ${taking('adapter')}, got --method ${method}; merge the adapter and train the result`;
  if (has('dtype') && adapters && warmup !== 'full')
    return 'expected --dtype with a run whose result is a model, got one that writes an adapter; give it to merge';
  return ofSelect(given, has);
}

/** What of the optimizer's options does not go with the method, or undefined. */
export function faultOfOptimizer(given: Options): string | undefined {
  const { method, warmup, optimizer, decayToward } = withDefaults(given);
  const { takes, optimizers } = methodNamed(method);
  if (optimizer === 'muon' && !(optimizers as readonly string[]).includes(optimizer))
    return `expected --optimizer adamw with --method ${method}, which trains more than small matrices, got muon; leave it out`;
  if (optimizer === 'muon' && warmup === 'full')
    return 'expected --optimizer adamw with --warmup full, whose first phase trains everything, got muon; leave one out';
  if (given.muonScale !== undefined && (optimizer !== 'muon' || !takes.includes('budget')))
    return `expected --muon-scale with --optimizer muon and blocks, got --method ${method} --optimizer ${optimizer}; leave it out`;
  if (decayToward === 'base' && (!takes.includes('budget') || warmup === 'full'))
    return `expected --decay-toward base with blocks beside a base that stays, got ${warmup === 'full' ? '--warmup full' : `--method ${method}`}; leave it out`;
  return undefined;
}

function ofExport({ adapter, dtype, format = 'hf', svd }: Options): string | undefined {
  const { what, dtypes } = EXPORTS[format];
  if (format === 'peft' && adapter === undefined) return 'expected --adapter beside --format peft, got none; give it';
  if (svd !== undefined && format !== 'peft') return `expected --svd with --format peft, got --format ${format}; leave it out`;
  if (dtype === undefined || dtypes.some((one) => one === dtype)) return undefined;
  const others = EXPORT_FORMATS.filter((name: ExportFormat) => EXPORTS[name].dtypes.some((one) => one === dtype));
  const known = dtypes.length ? `--dtype ${dtypes.join(', ')}` : 'no --dtype';
  return `expected ${known} for ${what}, got ${dtype}; ${dtypes.length ? 'choose one of them' : 'leave it out'}, or --format ${others.join(' or ')}`;
}

/** The methods that take an option: "smt, lora or dora". */
function taking(key: Key): string {
  const names = METHODS.filter((m) => m.takes.includes(key)).map((m) => m.name);
  return [names.slice(0, -1).join(', '), names.at(-1)].filter(Boolean).join(' or ');
}

function ofSelect(given: Options, has: (key: Key) => boolean): string | undefined {
  const { select, warmup, spread } = withDefaults(given);
  if (has('kappa') && spread !== 'fair' && spread !== 'apart')
    return `expected --kappa with --spread fair or apart, got --spread ${spread}, which discounts nothing; leave it out`;
  if (has('stability') && (select === 'magnitude' || select === 'random' || warmup === 'full'))
    return `expected --stability with blocks chosen by a frozen warm-up, got ${warmup === 'full' ? '--warmup full' : `--select ${select}`}; leave it out`;
  if (has('score') && has('select') && given.select !== 'gradient')
    return `expected --score with --select gradient, got --select ${given.select}, which scores by itself; leave --score out`;
  return undefined;
}
