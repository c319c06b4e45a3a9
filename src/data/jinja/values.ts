/**
 * Values of a template as Python has them: what is true, what is equal, how they print, what JSON they make. An int is a
 * bigint and a float a number, so that 1 and 1.0 stay apart and long integers keep their digits. Filters and methods are
 * filters.ts and methods.ts.
 */

import { KEYS } from '../../io/json.ts';

/** Something that a template can call; kw: its keyword arguments. */
export interface Callable {
  call: (args: Value[], kw: Kw) => Value;
  /** Of a macro: what templates read of it. */
  name?: string;
}
export interface Tuple {
  tuple: Value[];
}
/** What Python gives an iterator or a view for: it can be walked over, not indexed. */
export interface View {
  view: string;
  items: Value[];
}
export interface Undefined {
  undefined: string;
}
export interface Namespace {
  namespace: Map<string, Value>;
}
export type Dict = Map<Value, Value>;
export type Value = string | bigint | number | boolean | null | Value[] | Dict | Tuple | View | Undefined | Namespace | Callable;
export type Kw = Map<string, Value>;

export const isUndefined = (v: Value): v is Undefined => is(v, 'undefined');
export const isTuple = (v: Value): v is Tuple => is(v, 'tuple');
export const isView = (v: Value): v is View => is(v, 'view');
export const isNamespace = (v: Value): v is Namespace => is(v, 'namespace');
export const isCallable = (v: Value): v is Callable => is(v, 'call');
const is = (v: Value, key: string) => typeof v === 'object' && v !== null && key in v;

export const isNumber = (v: Value): v is bigint | number | boolean => ['bigint', 'number', 'boolean'].includes(typeof v);
export const missing = (text: string): Undefined => ({ undefined: text });

/** A value of JSON as a template's: a number is an int where it is whole, and a float where it is a boxed Number (1.0). */
export function fromJson(v: unknown): Value {
  if (v === null) return null;
  if (v === undefined) return missing('a field is undefined');
  if (typeof v === 'number') return Number.isSafeInteger(v) ? BigInt(v) : v;
  if (typeof v === 'string' || typeof v === 'bigint' || typeof v === 'boolean') return v;
  if (v instanceof Number) return v.valueOf();
  if (Array.isArray(v)) return v.map(fromJson);
  if (ArrayBuffer.isView(v)) return Array.from(v as unknown as ArrayLike<number>, fromJson);
  if (v instanceof Date) return v.toISOString();
  if (typeof v === 'object') {
    const keys = (v as { [KEYS]?: string[] })[KEYS] ?? Object.keys(v);
    return new Map(keys.map((key) => [key, fromJson((v as Record<string, unknown>)[key])]));
  }
  throw new Error(`a ${typeof v} is no value of a template`);
}

export function truth(v: Value): boolean {
  if (typeof v === 'bigint') return v !== 0n;
  if (v === null || typeof v !== 'object') return !!v;
  if (Array.isArray(v)) return v.length > 0;
  if (v instanceof Map) return v.size > 0;
  if (isTuple(v)) return v.tuple.length > 0;
  if (isView(v)) return v.view === 'generator' || v.items.length > 0;
  return !isUndefined(v);
}

/** Python's name of the type. */
export function typeName(v: Value): string {
  if (v === null) return 'NoneType';
  if (typeof v !== 'object')
    return { string: 'str', bigint: 'int', number: 'float', boolean: 'bool' }[
      typeof v as 'string' | 'bigint' | 'number' | 'boolean'
    ];
  if (Array.isArray(v)) return 'list';
  if (v instanceof Map) return 'dict';
  if (isTuple(v)) return 'tuple';
  if (isView(v)) return v.view;
  return isUndefined(v) ? 'Undefined' : isNamespace(v) ? 'Namespace' : 'function';
}

/** A number as a JS number, or a bigint where both are ints. */
export const numeric = (v: bigint | number | boolean): bigint | number => (typeof v === 'boolean' ? BigInt(v) : v);

export function equal(a: Value, b: Value): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a number are equal by value
  if (isNumber(a) && isNumber(b)) return numeric(a) == numeric(b);
  if (Array.isArray(a)) return Array.isArray(b) && equalItems(a, b);
  if (a instanceof Map)
    return b instanceof Map && a.size === b.size && [...a].every(([key, v]) => has(b, key) && equal(v, lookup(b, key)!));
  if (isTuple(a)) return isTuple(b) && equalItems(a.tuple, b.tuple);
  if (isUndefined(a)) return isUndefined(b);
  return a === b;
}
const equalItems = (a: Value[], b: Value[]) => a.length === b.length && a.every((v, i) => equal(v, b[i]));

/** Less than, as Python orders two values; throws where it does not. */
export function less(a: Value, b: Value, sign = '<'): boolean {
  if (isNumber(a) && isNumber(b)) return numeric(a) < numeric(b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b) < 0;
  const [x, y] = [Array.isArray(a) ? a : isTuple(a) ? a.tuple : null, Array.isArray(b) ? b : isTuple(b) ? b.tuple : null];
  if (x && y && Array.isArray(a) === Array.isArray(b)) {
    for (let i = 0; i < Math.min(x.length, y.length); i++) if (!equal(x[i], y[i])) return less(x[i], y[i]);
    return x.length < y.length;
  }
  if (isUndefined(a) || isUndefined(b)) throw new Error((isUndefined(a) ? a : (b as Undefined)).undefined);
  throw new Error(`'${sign}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

/** Texts by code point, as Python orders them. */
export function compareText(a: string, b: string): number {
  if (!/[\ud800-\udfff]/.test(a + b)) return a < b ? -1 : Number(a > b);
  const [x, y] = [Array.from(a, (c) => c.codePointAt(0)!), Array.from(b, (c) => c.codePointAt(0)!)];
  const i = x.findIndex((c, at) => c !== y[at]);
  return i === -1 ? (x.length < y.length ? -1 : 0) : i >= y.length ? 1 : x[i] - y[i];
}

/** Key of a dict for a value: True, 1 and 1.0 are one key. */
export const keyOf = (v: Value): Value => {
  if (typeof v === 'boolean') return BigInt(v);
  if (typeof v === 'number' && Number.isInteger(v)) return BigInt(v);
  if (Array.isArray(v) || v instanceof Map) throw new Error(`unhashable type: '${typeName(v)}'`);
  return v;
};
export const lookup = (dict: Dict, key: Value): Value | undefined => {
  const direct = dict.get(keyOf(key));
  if (direct !== undefined || !isTuple(key)) return direct;
  return [...dict].find(([k]) => equal(k, key))?.[1];
};
export const has = (dict: Dict, key: Value) => lookup(dict, key) !== undefined;

/** Characters of a text as Python counts them. */
export const characters = (text: string): string[] => (/[\ud800-\udfff]/.test(text) ? Array.from(text) : text.split(''));

/** What a loop walks over; throws where Python's would. */
export function iterate(v: Value): Value[] {
  if (Array.isArray(v)) return v;
  if (typeof v === 'string') return characters(v);
  if (v instanceof Map) return [...v.keys()];
  if (isTuple(v)) return v.tuple;
  if (isView(v)) return v.items;
  if (isUndefined(v)) return [];
  throw new Error(`'${typeName(v)}' object is not iterable`);
}

export function length(v: Value): number {
  if (isView(v) && v.view === 'generator') throw new Error("object of type 'generator' has no len()");
  if (v === null || isNumber(v) || isCallable(v) || isNamespace(v))
    throw new Error(`object of type '${typeName(v)}' has no len()`);
  return iterate(v).length;
}

/** str(v). */
export function str(v: Value): string {
  if (typeof v === 'string') return v;
  return isUndefined(v) ? '' : repr(v);
}

/** repr(v). */
export function repr(v: Value): string {
  if (typeof v === 'string') return quoted(v);
  if (typeof v === 'bigint') return String(v);
  if (typeof v === 'number') return floatText(v);
  if (typeof v === 'boolean') return v ? 'True' : 'False';
  if (v === null) return 'None';
  if (Array.isArray(v)) return `[${v.map(repr).join(', ')}]`;
  if (v instanceof Map) return `{${[...v].map(([key, item]) => `${repr(key)}: ${repr(item)}`).join(', ')}}`;
  if (isTuple(v)) return v.tuple.length === 1 ? `(${repr(v.tuple[0])},)` : `(${v.tuple.map(repr).join(', ')})`;
  if (isUndefined(v)) return 'Undefined';
  if (isNamespace(v)) return `<Namespace ${repr(v.namespace as Dict)}>`;
  if (isView(v) && v.view.startsWith('range(')) return v.view;
  if (isView(v) && v.view.startsWith('dict_')) return `${v.view}(${repr(v.items)})`;
  throw new Error(`a ${typeName(v)} is printed by Python with its address in memory, which is never the same twice`);
}

/** repr of a float: as short as it can be, with an exponent below 1e-4 and from 1e16 on. */
export function floatText(x: number): string {
  if (Number.isNaN(x)) return 'nan';
  if (!Number.isFinite(x)) return x > 0 ? 'inf' : '-inf';
  if (Object.is(x, -0)) return '-0.0';
  const [digits, power] = x.toExponential().split('e');
  const e = Number(power);
  if (e < -4 || e >= 16) return `${digits}e${e < 0 ? '-' : '+'}${String(Math.abs(e)).padStart(2, '0')}`;
  const plain = String(x);
  if (!plain.includes('e')) return plain.includes('.') ? plain : `${plain}.0`;
  return x.toFixed(-e + (digits.split('.')[1]?.length ?? 0));
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}\p{Zs}]/gu;
const ESCAPES: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inner = text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`);
  const shown = inner.replace(UNPRINTABLE, (c) => {
    if (c === ' ') return c;
    const code = c.codePointAt(0)!;
    const hex = (n: number) => code.toString(16).padStart(n, '0');
    return ESCAPES[c] ?? (code < 256 ? `\\x${hex(2)}` : code < 65536 ? `\\u${hex(4)}` : `\\U${hex(8)}`);
  });
  return quote + shown + quote;
}

export interface JsonStyle {
  ensure_ascii?: boolean;
  indent?: string | null;
  separators?: [string, string] | null;
  sort_keys?: boolean;
}

/** json.dumps(v) as transformers gives it to templates: no HTML escapes, the order of the keys kept. */
export function dumps(v: Value, style: JsonStyle = {}, pad = '\n'): string {
  const text = (s: string) => {
    const escaped = JSON.stringify(s);
    if (!style.ensure_ascii) return escaped;
    return escaped.replace(/[\x7f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  };
  if (typeof v === 'string') return text(v);
  if (v === null) return 'null';
  if (typeof v === 'boolean') return String(v);
  if (typeof v === 'number')
    return Number.isFinite(v) ? floatText(v) : Number.isNaN(v) ? 'NaN' : v > 0 ? 'Infinity' : '-Infinity';
  if (typeof v === 'bigint') return String(v);
  const indent = style.indent ?? null;
  const inner = indent === null ? '' : pad + indent;
  const [between, colon] = style.separators ?? [indent === null ? ', ' : ',', ': '];
  const within = (open: string, parts: string[], close: string) =>
    parts.length === 0 ? open + close : open + inner + parts.join(between + inner) + (indent === null ? '' : pad) + close;
  const list = Array.isArray(v) ? v : isTuple(v) ? v.tuple : null;
  if (list)
    return within(
      '[',
      list.map((item) => dumps(item, style, inner)),
      ']',
    );
  if (!(v instanceof Map)) throw new Error(`Object of type ${typeName(v)} is not JSON serializable`);
  const entries = [...v];
  if (style.sort_keys) entries.sort(([a], [b]) => (less(a, b) ? -1 : Number(less(b, a))));
  const parts = entries.map(([key, item]) => {
    if (typeof key === 'object' && key !== null)
      throw new Error(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
    return `${text(typeof key === 'string' ? key : dumps(key))}${colon}${dumps(item, style, inner)}`;
  });
  return within('{', parts, '}');
}
