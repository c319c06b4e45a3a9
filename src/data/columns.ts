import { setting } from '../setting.ts';
/**
 * Which columns of a record hold what: a record (one object of a data file) becomes fields of one of the five kinds of
 * row. Names that people use for the same thing are known here; `columns` says the rest. Tokens are rows.ts.
 */
export type Fields =
  | { kind: 'ids'; input_ids: unknown; labels: unknown }
  | { kind: 'messages'; messages: unknown; sharegpt: boolean }
  | { kind: 'alpaca'; instruction: unknown; input: unknown; output: unknown }
  | { kind: 'prompt'; prompt: unknown; completion: unknown; context?: unknown; derived: boolean }
  | { kind: 'text'; text: unknown };

export type Columns = Record<string, string>;
export type DataRecord = Record<string, unknown>;

export interface Detected {
  fields: Fields;
  /** Which column has which role. */
  columns: Columns;
  /** The same, as shown: `prompt=question, completion=answer`. */
  shown: string;
  /** The record's own columns that they are of. */
  used: string[];
}

export const ROLES = [
  'input_ids',
  'labels',
  'messages',
  'conversations',
  'instruction',
  'input',
  'output',
  'prompt',
  'context',
  'completion',
  'text',
];

// Other names for the same thing, in order of preference.
const OUTPUTS = ['output', 'response', 'answer', 'completion'];
const INPUTS = ['input', 'context'];
const PROMPTS = ['prompt', 'question', 'query', 'problem', 'source', 'user', 'human', 'input'];
const COMPLETIONS = ['completion', 'answer', 'response', 'output', 'solution', 'target', 'assistant', 'label'];
const CLASSED = ['text', 'sentence', 'review', 'content', 'tweet', 'comment'];
const CLASSES = ['label', 'labels', 'category', 'intent', 'sentiment', 'emotion', 'class'];
const TEXTS = ['text', 'content', 'document', 'story', 'body', 'sentence'];

/**
 * `prompt=question,completion=answer` as roles and columns; a dot goes into a column (`output=instances.0.output`). What stands
 * after the = is the column's name as it is shown, spaces and commas included.
 */
export function parseColumns(text: string): Columns {
  const columns: Columns = {};
  for (const part of text.split(/,(?=\s*\w*\s*=)/)) {
    const cut = part.indexOf('=');
    const [role, column] = [part.slice(0, Math.max(0, cut)).trim(), part.slice(cut + 1)];
    if (cut < 0 || !ROLES.includes(role) || column.trim() === '')
      throw new Error(
        `expected ${setting('columns')} ROLE=COLUMN,... with ROLE one of ${ROLES.join(' ')}, got "${part.trim()}"; for example ${setting('columns')} prompt=question,completion=answer`,
      );
    if (columns[role] !== undefined)
      throw new Error(`expected each role once in ${setting('columns')}, got ${role} twice; leave one out`);
    columns[role] = column;
  }
  if (fieldsOf(() => undefined, columns) === undefined)
    throw new Error(
      `expected ${setting('columns')} to name a whole row (prompt and completion; instruction and output; messages; text; input_ids), got "${text}"; add what is missing`,
    );
  return columns;
}

/** Fields of a record: by `columns` where given, else by the names of its columns; throws naming those where none fit. */
export function detect(record: DataRecord, given?: Columns): Detected {
  if (record === null || typeof record !== 'object' || Array.isArray(record))
    throw new Error(
      `expected an object with named columns, got ${nameOf(record)}; write rows like {"prompt": "...", "completion": "..."}`,
    );
  for (const [role, column] of Object.entries(given ?? {}))
    if (at(record, column) === undefined && !['input', 'context', 'labels'].includes(role))
      throw new Error(
        `expected the column "${column}" that ${setting('columns')} gives as ${role}, got ${columnsOf(record)}; give one that is there`,
      );
  const columns = given ?? guess(new Set(Object.keys(record)));
  if (columns === undefined)
    throw new Error(
      'expected columns that make a row (prompt, completion; instruction, input, output; messages; conversations; text; input_ids), ' +
        `got ${columnsOf(record)}; ${hint(record)}`,
    );
  const fields = fieldsOf((role) => (columns[role] === undefined ? undefined : at(record, columns[role])), columns)!;
  const shown = Object.entries(columns).map(([role, column]) => (role === column ? role : `${role}=${column}`));
  const used = Object.values(columns).flatMap((column) => [column, column.trim(), column.trim().split('.')[0]]);
  return { fields, columns, shown: shown.join(', '), used };
}

/** Roles and columns by the names alone. */
function guess(names: Set<string>): Columns | undefined {
  const pick = (roles: Record<string, string[]>): Columns => {
    const found = Object.entries(roles).map(([role, columns]) => [role, columns.find((column) => names.has(column))]);
    return Object.fromEntries(found.filter(([, column]) => column !== undefined));
  };
  const whole = (roles: Record<string, string[]>) => {
    const columns = pick(roles);
    const different = new Set(Object.values(columns)).size === Object.keys(roles).length;
    return different ? columns : undefined;
  };
  if (names.has('input_ids')) return pick({ input_ids: ['input_ids'], labels: ['labels'] });
  if (names.has('messages')) return { messages: 'messages' };
  if (names.has('conversations')) return { conversations: 'conversations' };
  return (
    whole({ prompt: ['prompt'], completion: ['completion'] }) ??
    (names.has('instruction') ? pick({ instruction: ['instruction'], input: INPUTS, output: OUTPUTS }) : undefined) ??
    whole({ prompt: CLASSED, completion: CLASSES }) ??
    asked(names, whole({ prompt: PROMPTS, completion: COMPLETIONS })) ??
    whole({ text: TEXTS }) ??
    whole({ prompt: PROMPTS })
  );
}

/** A context beside a question is asked with it. */
const asked = (names: Set<string>, columns: Columns | undefined): Columns | undefined =>
  columns?.prompt === 'question' && names.has('context') ? { context: 'context', ...columns } : columns;

/** The kind of row that these roles make, with the values of `get`; undefined where they make none. */
function fieldsOf(get: (role: string) => unknown, roles: Columns): Fields | undefined {
  const has = (role: string) => roles[role] !== undefined;
  if (has('input_ids')) return { kind: 'ids', input_ids: get('input_ids'), labels: get('labels') };
  if (has('messages')) return { kind: 'messages', messages: get('messages'), sharegpt: false };
  if (has('conversations')) return { kind: 'messages', messages: get('conversations'), sharegpt: true };
  if (has('instruction')) return { kind: 'alpaca', instruction: get('instruction'), input: get('input'), output: get('output') };
  if (has('prompt'))
    return {
      kind: 'prompt',
      prompt: get('prompt'),
      completion: get('completion'),
      context: get('context'),
      derived: roles.completion !== 'completion',
    };
  return has('text') ? { kind: 'text', text: get('text') } : undefined;
}

/** The value at a dotted path; a column whose own name has dots comes first. */
function at(record: DataRecord, path: string): unknown {
  for (const name of [path, path.trim()]) if (Object.hasOwn(record, name)) return record[name];
  return path
    .trim()
    .split('.')
    .reduce<any>((value, key) => (value !== null && typeof value === 'object' ? value[key] : undefined), record);
}

/** How to say which column is which, with the record's own columns as an example. */
export function hint(record: DataRecord): string {
  return `say which is which, for example ${setting('columns')} ${example(record)}`;
}

/** An example of `columns` made of the record's own columns. */
function example(record: DataRecord): string {
  const texts = paths(record).filter((path) => typeof at(record, path) === 'string' && at(record, path) !== '');
  const find = (words: RegExp) => texts.find((path) => words.test(path));
  const prompt = find(/instruction|question|prompt|title|input/i) ?? texts[0] ?? 'COLUMN';
  const completion = find(/output|answer|response|completion|label/i) ?? texts.find((path) => path !== prompt) ?? 'COLUMN';
  const columns = `prompt=${prompt},completion=${completion}`;
  return /[\s"$`\\|&;]/.test(columns) ? JSON.stringify(columns) : columns;
}

/** The columns of a record in words. */
export function columnsOf(record: DataRecord): string {
  const names = paths(record);
  return names.length === 0
    ? 'no columns'
    : `the columns ${names.slice(0, 12).map(quoted).join(', ')}${names.length > 12 ? ', ...' : ''}`;
}

/** A column's name in a sentence: in quotes where its ends or a comma within it would not be seen. */
const quoted = (name: string) => (name !== name.trim() || name === '' || name.includes(',') ? JSON.stringify(name) : name);

/** Names of the columns, those within the first element of a list or in an object with their dotted path. */
export function paths(record: DataRecord): string[] {
  return Object.entries(record).flatMap(([name, value]) => {
    const inner = Array.isArray(value) ? value[0] : value;
    if (inner === null || typeof inner !== 'object') return [name];
    const prefix = Array.isArray(value) ? `${name}.0` : name;
    return Object.keys(inner).map((key) => `${prefix}.${key}`);
  });
}

/** What a value is, in words for an error. */
export function nameOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'a text';
  if (value instanceof Number) return `the number ${value}`;
  return typeof value === 'object' ? 'an object' : `the ${typeof value} ${String(value)}`;
}
