/**
 * Methods of Python's str, list, tuple and dict, as templates call them. How a template reaches them is access.ts.
 */
import { joined, mustFit } from './limits.ts';
import {
  type Callable,
  characters,
  type Dict,
  equal,
  isTuple,
  isUndefined,
  iterate,
  type Kw,
  lookup,
  repr,
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

/** The method of a value by its name, if its type has one; what would change the value is refused. */
export function methodOf(object: Value, name: string): Callable | undefined {
  if (typeof object === 'string') return method(TEXT[name], object);
  if (Array.isArray(object) || isTuple(object))
    return Array.isArray(object) && LIST_CHANGES.includes(name) ? changes('list', name) : method(LIST[name], object);
  if (object instanceof Map) return DICT_CHANGES.includes(name) ? changes('dict', name) : method(DICT[name], object);
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

function method<T extends Value>(found: Method<any> | undefined, self: T): Callable | undefined {
  return found && { call: (args, kw) => found(self, args, kw) };
}

function textArgument(v: Value, of: string): string {
  if (typeof v === 'string') return v;
  if (isUndefined(v)) throw new Error(v.undefined);
  throw new Error(`${of} arg must be None or str, not ${typeName(v)}`);
}

const int = (v: Value | undefined, otherwise: number): number =>
  v === undefined || v === null ? otherwise : Number(v as bigint);

const affix =
  (of: string, test: (text: string, part: string) => boolean): Method<string> =>
  (self, [parts, start, end]) => {
    const text =
      start === undefined
        ? self
        : characters(self)
            .slice(int(start, 0), end === undefined ? undefined : int(end, 0))
            .join('');
    const list = isTuple(parts) ? parts.tuple : [parts];
    return list.some((part) => test(text, textArgument(part, of)));
  };

/** A character as a title begins with it: of several (ß) only the first is upper case. */
const titleCase = (c: string) => {
  const [first = '', ...rest] = c.toUpperCase();
  return first + rest.join('').toLowerCase();
};

/** str.title: every letter after what is no letter is upper case. */
const titled = (text: string) =>
  text.replace(/\p{L}+/gu, (word) =>
    characters(word)
      .map((c, i) => (i === 0 ? titleCase(c) : c.toLowerCase()))
      .join(''),
  );

const every =
  (pattern: RegExp): Method<string> =>
  (self) =>
    self !== '' && pattern.test(self);

const splits =
  (fromRight: boolean): Method<string> =>
  (self, args, kw) => {
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
  return splitLeft(back(text), sep === null ? null : back(sep), most)
    .map(back)
    .reverse();
}

const LINE_ENDS = '\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029';
const LINE = new RegExp(`\\r\\n|[${LINE_ENDS}]`);

const TEXT: Record<string, Method<string>> = Object.assign(Object.create(null), {
  upper: (s) => s.toUpperCase(),
  lower: (s) => s.toLowerCase(),
  title: (s) => titled(s),
  capitalize: (s) => capitalized(s),
  swapcase: (s) =>
    characters(s)
      .map((c) => (c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase()))
      .join(''),
  strip: (s, [chars]) => strip(s, chars ?? null),
  lstrip: (s, [chars]) => strip(s, chars ?? null, 'left'),
  rstrip: (s, [chars]) => strip(s, chars ?? null, 'right'),
  startswith: affix('startswith', (text, part) => text.startsWith(part)),
  endswith: affix('endswith', (text, part) => text.endsWith(part)),
  split: splits(false),
  rsplit: splits(true),
  splitlines: (s) => s.split(LINE).filter((line, i, all) => i < all.length - 1 || line !== ''),
  replace: (s, args, kw) =>
    replaced(s, textArgument(args[0], 'replace'), textArgument(args[1], 'replace'), int(args[2] ?? kw.get('count'), -1)),
  join: (s, [list]) => {
    const texts = iterate(list).map((v, i) => {
      if (typeof v !== 'string') throw new Error(`sequence item ${i}: expected str instance, ${typeName(v)} found`);
      return v;
    });
    return joined(texts, s);
  },
  find: (s, [part]) => BigInt(position(s, s.indexOf(textArgument(part, 'find')))),
  rfind: (s, [part]) => BigInt(position(s, s.lastIndexOf(textArgument(part, 'rfind')))),
  index: (s, [part]) => {
    const at = s.indexOf(textArgument(part, 'index'));
    if (at === -1) throw new Error('substring not found');
    return BigInt(position(s, at));
  },
  count: (s, [part]) => BigInt(part === '' ? characters(s).length + 1 : s.split(textArgument(part, 'count')).length - 1),
  removeprefix: (s, [part]) => (s.startsWith(textArgument(part, 'removeprefix')) ? s.slice((part as string).length) : s),
  removesuffix: (s, [part]) =>
    part !== '' && s.endsWith(textArgument(part, 'removesuffix')) ? s.slice(0, -(part as string).length) : s,
  partition: (s, [part]) => {
    const at = s.indexOf(textArgument(part, 'partition'));
    return { tuple: at === -1 ? [s, '', ''] : [s.slice(0, at), part, s.slice(at + (part as string).length)] };
  },
  rpartition: (s, [part]) => {
    const at = s.lastIndexOf(textArgument(part, 'rpartition'));
    return { tuple: at === -1 ? ['', '', s] : [s.slice(0, at), part, s.slice(at + (part as string).length)] };
  },
  zfill: (s, [width]) =>
    /^[+-]/.test(s) ? s[0] + s.slice(1).padStart(mustFit(int(width, 0)) - 1, '0') : s.padStart(mustFit(int(width, 0)), '0'),
  ljust: (s, [width, fill]) => s.padEnd(mustFit(int(width, 0)), (fill as string) ?? ' '),
  rjust: (s, [width, fill]) => s.padStart(mustFit(int(width, 0)), (fill as string) ?? ' '),
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
  get: (dict, [key, otherwise = null]) => {
    const found = lookup(dict, key);
    return found === undefined ? otherwise : found;
  },
  items: (dict) => ({ view: 'dict_items', items: [...dict].map((pair) => ({ tuple: pair })) }),
  keys: (dict) => ({ view: 'dict_keys', items: [...dict.keys()] }),
  values: (dict) => ({ view: 'dict_values', items: [...dict.values()] }),
  copy: (dict) => new Map(dict),
} satisfies Record<string, Method<Dict>>);

export const capitalized = (s: string) => {
  const [first = '', ...rest] = characters(s);
  return titleCase(first) + rest.join('').toLowerCase();
};

/** str.replace; most: how many at most, all where negative. */
export function replaced(s: string, from: string, to: string, most: number): string {
  if (most < 0) return from === '' ? `${to}${joined(characters(s), to)}${s && to}` : joined(s.split(from), to);
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
