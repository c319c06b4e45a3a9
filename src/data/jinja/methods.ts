/**
 * Attributes, methods and items of values, as Python's str, list, tuple and dict have them and Jinja's sandbox lets a
 * template reach them. What would change a value is refused, as there.
 */
import {
  type Callable,
  characters,
  compareText,
  type Dict,
  equal,
  isNamespace,
  isNumber,
  isTuple,
  isUndefined,
  isView,
  iterate,
  type Kw,
  lookup,
  missing,
  numeric,
  repr,
  str,
  typeName,
  type Value,
} from './values.ts';

/** Python's white space (str.isspace). */
export const SPACE = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const LEADING = new RegExp(`^[${SPACE}]+`);
const TRAILING = new RegExp(`[${SPACE}]+$`);

/** str.strip and its halves; chars: which characters, white space where null. */
export function strip(text: string, chars: Value = null, side: 'both' | 'left' | 'right' = 'both'): string {
  if (chars === null) {
    const left = side === 'right' ? text : text.replace(LEADING, '');
    return side === 'left' ? left : trimmedEnd(left);
  }
  const set = new Set(characters(textArgument(chars, 'strip')));
  const all = characters(text);
  let [from, to] = [0, all.length];
  if (side !== 'right') while (from < to && set.has(all[from])) from++;
  if (side !== 'left') while (to > from && set.has(all[to - 1])) to--;
  return all.slice(from, to).join('');
}

/** Trailing white space left out, in time linear in it. */
function trimmedEnd(text: string): string {
  let to = text.length;
  while (to > 0 && TRAILING.test(text[to - 1])) to--;
  return text.slice(0, to);
}

/** `object.name`: an attribute or method, then an item of that name, else undefined. */
export function attribute(object: Value, name: string): Value {
  if (isUndefined(object)) throw new Error(object.undefined);
  return present(ownAttribute(object, name), () => present(itemOf(object, name), () => none(object, name)));
}

/** `object[key]`: an item, then an attribute of that name, else undefined. */
export function item(object: Value, key: Value): Value {
  if (isUndefined(object)) throw new Error(object.undefined);
  const own = () => (typeof key === 'string' ? ownAttribute(object, key) : undefined);
  return present(itemOf(object, key), () => present(own(), () => none(object, str(key))));
}

/** A value, or what stands for one that is not there; None is there. */
const present = (v: Value | undefined, otherwise: () => Value): Value => (v === undefined ? otherwise() : v);

const none = (object: Value, name: string) =>
  missing(object instanceof Map ? `'dict object' has no attribute '${name}'` : `'${typeName(object)} object' has no attribute '${name}'`);

function itemOf(object: Value, key: Value): Value | undefined {
  if (object instanceof Map) return Array.isArray(key) || key instanceof Map ? undefined : lookup(object, key);
  const list = typeof object === 'string' ? characters(object) : Array.isArray(object) ? object : isTuple(object) ? object.tuple : null;
  return list && (typeof key === 'bigint' || typeof key === 'boolean') ? list.at(Number(key)) : undefined;
}

/** `object[start:stop:step]`. */
export function slice(object: Value, bounds: (Value | undefined)[]): Value {
  const [start, stop, step] = bounds.map((v) => {
    if (v === undefined || v === null) return undefined;
    if (typeof v !== 'bigint' && typeof v !== 'boolean')
      throw new Error('slice indices must be integers or None or have an __index__ method');
    return Number(v);
  });
  const list = typeof object === 'string' ? characters(object) : isTuple(object) ? object.tuple : object;
  if (!Array.isArray(list)) throw new Error(`'${typeName(object)}' object is not subscriptable by a slice`);
  const by = step ?? 1;
  if (by === 0) throw new Error('slice step cannot be zero');
  const n = list.length;
  const at = (v: number | undefined, otherwise: number) => {
    if (v === undefined) return otherwise;
    const from = v < 0 ? v + n : v;
    return by > 0 ? Math.min(Math.max(from, 0), n) : Math.min(Math.max(from, -1), n - 1);
  };
  const [from, to] = by > 0 ? [at(start, 0), at(stop, n)] : [at(start, n - 1), at(stop, -1)];
  const out: Value[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) out.push(list[i]);
  return typeof object === 'string' ? out.join('') : isTuple(object) ? { tuple: out } : out;
}

function ownAttribute(object: Value, name: string): Value | undefined {
  if (isNamespace(object)) return object.namespace.get(name);
  if (typeof object === 'string') return method(TEXT[name], object, name);
  if (Array.isArray(object) || isTuple(object)) {
    if (Array.isArray(object) && LIST_CHANGES.includes(name)) return changes('list', name);
    return method(LIST[name], object, name);
  }
  if (object instanceof Map) return DICT_CHANGES.includes(name) ? changes('dict', name) : method(DICT[name], object, name);
  if (typeof object === 'object' && object !== null && 'name' in object && name === 'name') return object.name;
  if (isNumber(object) && (name === 'real' || name === 'numerator')) return numeric(object);
  return undefined;
}

const LIST_CHANGES = ['append', 'extend', 'insert', 'pop', 'remove', 'clear', 'sort', 'reverse'];
const DICT_CHANGES = ['pop', 'popitem', 'update', 'setdefault', 'clear'];

const changes = (type: string, name: string): Callable => ({
  call: () => {
    throw new Error(`access to attribute '${name}' of '${type}' object is unsafe.`);
  },
});

type Method<T> = (self: T, args: Value[], kw: Kw) => Value;

function method<T extends Value>(found: Method<any> | undefined, self: T, _name: string): Callable | undefined {
  return found && { call: (args, kw) => found(self, args, kw) };
}

function textArgument(v: Value, of: string): string {
  if (typeof v === 'string') return v;
  if (isUndefined(v)) throw new Error(v.undefined);
  throw new Error(`${of} arg must be None or str, not ${typeName(v)}`);
}

const int = (v: Value | undefined, otherwise: number): number => (v === undefined || v === null ? otherwise : Number(v as bigint));

const affix = (of: string, test: (text: string, part: string) => boolean): Method<string> => (self, [parts, start, end]) => {
  const text = start === undefined ? self : characters(self).slice(int(start, 0), end === undefined ? undefined : int(end, 0)).join('');
  const list = isTuple(parts) ? parts.tuple : [parts];
  return list.some((part) => test(text, textArgument(part, of)));
};

/** str.title: every letter after what is no letter is upper case. */
const titled = (text: string) =>
  text.replace(/\p{L}+/gu, (word) => characters(word).map((c, i) => (i === 0 ? c.toUpperCase() : c.toLowerCase())).join(''));

const every = (pattern: RegExp): Method<string> => (self) => self !== '' && pattern.test(self);

const splits = (fromRight: boolean): Method<string> => (self, args, kw) => {
  const sep = args[0] ?? kw.get('sep') ?? null;
  const most = int(args[1] ?? kw.get('maxsplit'), -1);
  return (fromRight ? splitRight : splitLeft)(self, sep === null ? null : textArgument(sep, 'split'), most);
};

function splitLeft(text: string, sep: string | null, most: number): string[] {
  const parts: string[] = [];
  let rest = sep === null ? text.replace(LEADING, '') : text;
  if (sep === '') throw new Error('empty separator');
  const space = new RegExp(`[${SPACE}]+`);
  while (most < 0 || parts.length < most) {
    const found = sep === null ? space.exec(rest) : null;
    const at = sep === null ? (found?.index ?? -1) : rest.indexOf(sep);
    if (at === -1) break;
    parts.push(rest.slice(0, at));
    rest = rest.slice(at + (sep?.length ?? found![0].length));
  }
  return sep === null && rest === '' ? parts : [...parts, rest];
}

function splitRight(text: string, sep: string | null, most: number): string[] {
  if (most < 0) return splitLeft(text, sep, most);
  const back = (s: string) => characters(s).reverse().join('');
  return splitLeft(back(text), sep === null ? null : back(sep), most).map(back).reverse();
}

const TEXT: Record<string, Method<string>> = Object.assign(Object.create(null), {
  upper: (s) => s.toUpperCase(),
  lower: (s) => s.toLowerCase(),
  title: (s) => titled(s),
  capitalize: (s) => capitalized(s),
  swapcase: (s) => characters(s).map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase())).join(''),
  strip: (s, [chars]) => strip(s, chars ?? null),
  lstrip: (s, [chars]) => strip(s, chars ?? null, 'left'),
  rstrip: (s, [chars]) => strip(s, chars ?? null, 'right'),
  startswith: affix('startswith', (text, part) => text.startsWith(part)),
  endswith: affix('endswith', (text, part) => text.endsWith(part)),
  split: splits(false),
  rsplit: splits(true),
  splitlines: (s) => s.split(/\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/).filter((line, i, all) => i < all.length - 1 || line !== ''),
  replace: (s, args, kw) => replaced(s, textArgument(args[0], 'replace'), textArgument(args[1], 'replace'), int(args[2] ?? kw.get('count'), -1)),
  join: (s, [list]) => iterate(list).map((v, i) => {
    if (typeof v !== 'string') throw new Error(`sequence item ${i}: expected str instance, ${typeName(v)} found`);
    return v;
  }).join(s),
  find: (s, [part]) => BigInt(position(s, s.indexOf(textArgument(part, 'find')))),
  rfind: (s, [part]) => BigInt(position(s, s.lastIndexOf(textArgument(part, 'rfind')))),
  index: (s, [part]) => {
    const at = s.indexOf(textArgument(part, 'index'));
    if (at === -1) throw new Error('substring not found');
    return BigInt(position(s, at));
  },
  count: (s, [part]) => BigInt(part === '' ? characters(s).length + 1 : s.split(textArgument(part, 'count')).length - 1),
  removeprefix: (s, [part]) => (s.startsWith(textArgument(part, 'removeprefix')) ? s.slice((part as string).length) : s),
  removesuffix: (s, [part]) => (part !== '' && s.endsWith(textArgument(part, 'removesuffix')) ? s.slice(0, -(part as string).length) : s),
  partition: (s, [part]) => {
    const at = s.indexOf(textArgument(part, 'partition'));
    return { tuple: at === -1 ? [s, '', ''] : [s.slice(0, at), part, s.slice(at + (part as string).length)] };
  },
  rpartition: (s, [part]) => {
    const at = s.lastIndexOf(textArgument(part, 'rpartition'));
    return { tuple: at === -1 ? ['', '', s] : [s.slice(0, at), part, s.slice(at + (part as string).length)] };
  },
  zfill: (s, [width]) => (/^[+-]/.test(s) ? s[0] + s.slice(1).padStart(int(width, 0) - 1, '0') : s.padStart(int(width, 0), '0')),
  ljust: (s, [width, fill]) => s.padEnd(int(width, 0), (fill as string) ?? ' '),
  rjust: (s, [width, fill]) => s.padStart(int(width, 0), (fill as string) ?? ' '),
  isdigit: every(/^[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]+$/u),
  isnumeric: every(/^\p{N}+$/u),
  isdecimal: every(/^\p{Nd}+$/u),
  isalpha: every(/^\p{L}+$/u),
  isalnum: every(/^[\p{L}\p{N}]+$/u),
  isspace: every(new RegExp(`^[${SPACE}]+$`)),
  isupper: (s) => /[\p{Lu}\p{Lt}]/u.test(s) && s === s.toUpperCase(),
  islower: (s) => /\p{Ll}/u.test(s) && s === s.toLowerCase(),
} satisfies Record<string, Method<string>>);

const LIST: Record<string, Method<Value>> = Object.assign(Object.create(null), {
  index: (list, [wanted]) => {
    const at = iterate(list).findIndex((v) => equal(v, wanted));
    if (at === -1) throw new Error(`${repr(wanted)} is not in ${typeName(list)}`);
    return BigInt(at);
  },
  count: (list, [wanted]) => BigInt(iterate(list).filter((v) => equal(v, wanted)).length),
} satisfies Record<string, Method<Value>>);

const DICT: Record<string, Method<Dict>> = Object.assign(Object.create(null), {
  get: (dict, [key, otherwise = null]) => present(lookup(dict, key), () => otherwise),
  items: (dict) => ({ view: 'dict_items', items: [...dict].map((pair) => ({ tuple: pair })) }),
  keys: (dict) => ({ view: 'dict_keys', items: [...dict.keys()] }),
  values: (dict) => ({ view: 'dict_values', items: [...dict.values()] }),
  copy: (dict) => new Map(dict),
} satisfies Record<string, Method<Dict>>);

export const capitalized = (s: string) => {
  const [first = '', ...rest] = characters(s);
  return first.toUpperCase() + rest.join('').toLowerCase();
};

/** str.replace; most: how many at most, all where negative. */
export function replaced(s: string, from: string, to: string, most: number): string {
  if (most < 0) return from === '' ? to + characters(s).map((c) => c + to).join('') : s.split(from).join(to);
  let [out, rest] = ['', s];
  for (let i = 0; i < most; i++) {
    const at = from === '' ? (i === 0 ? 0 : rest === '' ? -1 : characters(rest)[0].length) : rest.indexOf(from);
    if (at === -1) break;
    out += rest.slice(0, at) + to;
    rest = rest.slice(at + from.length);
  }
  return out + rest;
}

/** A place in UTF-16 as one in code points. */
const position = (s: string, at: number) => (at < 0 ? -1 : characters(s.slice(0, at)).length);

/** `wanted in container`. */
export function contains(container: Value, wanted: Value): boolean {
  if (typeof container === 'string') {
    if (typeof wanted === 'string') return container.includes(wanted);
    if (isUndefined(wanted)) throw new Error(wanted.undefined);
    throw new Error(`'in <string>' requires string as left operand, not ${typeName(wanted)}`);
  }
  if (container instanceof Map) return lookup(container, wanted) !== undefined;
  if (container === null || isNumber(container)) throw new Error(`argument of type '${typeName(container)}' is not iterable`);
  return iterate(container).some((v) => equal(v, wanted));
}

/** Order of two values for a sort; texts in lower case unless case_sensitive. */
export function compare(a: Value, b: Value, less: (a: Value, b: Value) => boolean): number {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return less(a, b) ? -1 : Number(less(b, a));
}

export const isIterable = (v: Value) =>
  typeof v === 'string' || Array.isArray(v) || v instanceof Map || isTuple(v) || isView(v) || isUndefined(v);
