/**
 * Jinja's filters, with the meaning that Python's Jinja gives them in transformers. One that is not here is
 * refused by name where a template uses it.
 */
import { attribute, item } from './access.ts';
import { joined, mustCount, mustFit } from './limits.ts';
import { capitalized, replaced, SPACE, strip } from './methods.ts';
import { test } from './tests.ts';
import {
  characters,
  dumps,
  equal,
  floatText,
  isNumber,
  isTuple,
  isUndefined,
  iterate,
  type Kw,
  keyOf,
  length,
  less,
  missing,
  numeric,
  repr,
  str,
  truth,
  typeName,
  type Value,
} from './values.ts';

type Filter = (v: Value, args: Value[], kw: Kw) => Value;

export function filter(name: string, v: Value, args: Value[], kw: Kw): Value {
  if (FILTERS[name] === undefined)
    throw new Error(`the filter "${name}" is not one that this program knows; write the template without it`);
  return FILTERS[name](v, args, kw);
}

/** An argument by its place or its name. */
const argument = (args: Value[], kw: Kw, at: number, name: string, otherwise: Value): Value => {
  const given = at < args.length ? args[at] : kw.get(name);
  return given === undefined ? otherwise : given;
};

const generator = (items: Value[]): Value => ({ view: 'generator', items });

/** A dotted path, or an index, into every item. */
function getter(path: Value, otherwise: Value | undefined): (v: Value) => Value {
  const keys = typeof path === 'string' ? path.split('.').map((key) => (/^\d+$/.test(key) ? BigInt(key) : key)) : [path];
  return (v) => {
    const found = keys.reduce((of: Value, key) => item(of, key), v);
    return isUndefined(found) && otherwise !== undefined ? otherwise : found;
  };
}

/** What map and select walk over: nothing where the value is false. */
const walked = (v: Value) => (truth(v) ? iterate(v) : []);

const mapped: Filter = (v, args, kw) => {
  if (args.length === 0 && kw.has('attribute')) return generator(walked(v).map(getter(kw.get('attribute')!, kw.get('default'))));
  const [name, ...more] = args;
  return generator(walked(v).map((one) => filter(str(name), one, more, kw)));
};

const chosen =
  (wanted: boolean, byAttribute: boolean): Filter =>
  (v, args) => {
    const [path, rest] = byAttribute ? [args[0], args.slice(1)] : [undefined, args];
    const get = path === undefined ? (one: Value) => one : getter(path, undefined);
    const holds = (one: Value) => (rest.length === 0 ? truth(get(one)) : test(str(rest[0]), get(one), rest.slice(1)));
    return generator(walked(v).filter((one) => holds(one) === wanted));
  };

/** Order of two values for a sort. */
const compare = (a: Value, b: Value) => (less(a, b) ? -1 : Number(less(b, a)));

const folded = (v: Value, sensitive: boolean) => (typeof v === 'string' && !sensitive ? v.toLowerCase() : v);

const sorted: Filter = (v, args, kw) => {
  const [reverse, sensitive] = [
    truth(argument(args, kw, 0, 'reverse', false)),
    truth(argument(args, kw, 1, 'case_sensitive', false)),
  ];
  const path = argument(args, kw, 2, 'attribute', null);
  const get = path === null ? (one: Value) => one : getter(path, undefined);
  const out = iterate(v).map((one) => ({ one, key: folded(get(one), sensitive) }));
  out.sort((a, b) => (reverse ? -1 : 1) * compare(a.key, b.key));
  return out.map(({ one }) => one);
};

const extreme =
  (most: boolean): Filter =>
  (v, args, kw) => {
    const path = argument(args, kw, 1, 'attribute', null);
    const get = path === null ? (one: Value) => one : getter(path, undefined);
    const sensitive = truth(argument(args, kw, 0, 'case_sensitive', false));
    const key = (one: Value) => folded(get(one), sensitive);
    const list = iterate(v);
    if (list.length === 0) return missing('No aggregated item, sequence was empty.');
    return list.reduce((best, one) => ((most ? less(key(best), key(one)) : less(key(one), key(best))) ? one : best));
  };

const dictsorted: Filter = (v, args, kw) => {
  if (!(v instanceof Map)) throw new Error(`'${typeName(v)}' object has no attribute 'items'`);
  const sensitive = truth(argument(args, kw, 0, 'case_sensitive', false));
  const by = argument(args, kw, 1, 'by', 'key') === 'value' ? 1 : 0;
  const reverse = truth(argument(args, kw, 2, 'reverse', false)) ? -1 : 1;
  const pairs = [...v].sort((a, b) => reverse * compare(folded(a[by], sensitive), folded(b[by], sensitive)));
  return pairs.map((pair) => ({ tuple: pair }));
};

const indented: Filter = (v, args, kw) => {
  const width = argument(args, kw, 0, 'width', 4n);
  const [first, blank] = [truth(argument(args, kw, 1, 'first', false)), truth(argument(args, kw, 2, 'blank', false))];
  const pad = typeof width === 'string' ? width : ' '.repeat(mustFit(Number(width)));
  if (typeof v !== 'string') throw new Error(`unsupported operand type(s) for +=: '${typeName(v)}' and 'str'`);
  const [head, ...rest] = v.split('\n');
  mustFit(v.length + rest.length * pad.length);
  const lines = rest.map((line) => (line === '' && !blank ? line : pad + line));
  return (first ? pad : '') + [head, ...lines].join('\n');
};

const atEnd = (list: Value[], at: number, none: string): Value => (list.length > 0 ? list.at(at)! : missing(none));

/** Text of what a filter of texts is given. */
const text = (v: Value) => str(v);

const json: Filter = (v, args, kw) => {
  const indent = argument(args, kw, 1, 'indent', null);
  const separators = argument(args, kw, 2, 'separators', null);
  const pair = separators === null ? null : (iterate(separators).map(str) as [string, string]);
  return dumps(v, {
    ensure_ascii: truth(argument(args, kw, 0, 'ensure_ascii', false)),
    indent: indent === null ? null : typeof indent === 'string' ? indent : ' '.repeat(Math.max(0, mustCount(Number(indent)))),
    separators: pair,
    sort_keys: truth(argument(args, kw, 3, 'sort_keys', false)),
  });
};

const toInt: Filter = (v, args, kw) => {
  const otherwise = argument(args, kw, 0, 'default', 0n);
  if (isUndefined(v)) throw new Error(v.undefined);
  if (typeof v === 'bigint') return v;
  if (typeof v === 'boolean') return BigInt(v);
  if (typeof v === 'number') return Number.isFinite(v) ? BigInt(Math.trunc(v)) : otherwise;
  const digits = typeof v === 'string' ? strip(v).replace(/(?<=\d)_(?=\d)/g, '') : '';
  if (/^[+-]?\d+$/.test(digits)) return BigInt(digits.replace(/^\+/, ''));
  const float = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits) ? Number(digits) : Number.NaN;
  return Number.isFinite(float) ? BigInt(Math.trunc(float)) : otherwise;
};

const toFloat: Filter = (v, args, kw) => {
  if (isNumber(v)) return Number(v);
  if (isUndefined(v)) throw new Error(v.undefined);
  const digits = typeof v === 'string' ? strip(v) : '';
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(digits) ? Number(digits) : argument(args, kw, 0, 'default', 0);
};

/** round(x, n): half to even, decided on the decimal digits of the float as Python does. */
const rounded: Filter = (v, args, kw) => {
  const digits = Number(argument(args, kw, 0, 'precision', 0n) as bigint);
  const how = str(argument(args, kw, 1, 'method', 'common'));
  if (!isNumber(v)) throw new Error(`type ${typeName(v)} doesn't define __round__ method`);
  if (how !== 'common') return Math[how === 'ceil' ? 'ceil' : 'floor'](Number(v) * 10 ** digits) / 10 ** digits;
  if (typeof v !== 'number')
    return digits >= 0 ? numeric(v) : BigInt(Math.round(Number(v) / 10 ** -digits)) * 10n ** BigInt(-digits);
  const low = Math.floor(Math.abs(v));
  if (digits === 0 && Math.abs(v) - low === 0.5) return Math.sign(v) * (low % 2 === 0 ? low : low + 1);
  return Number(v.toFixed(Math.max(0, Math.min(digits, 100))));
};

const ESCAPED: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&#39;', '"': '&#34;' };
const escaped: Filter = (v) => text(v).replace(/[&<>'"]/g, (c) => ESCAPED[c]);

const counted: Filter = (v) => BigInt(length(v));
const otherwise: Filter = (v, args, kw) =>
  isUndefined(v) || (truth(argument(args, kw, 1, 'boolean', false)) && !truth(v))
    ? argument(args, kw, 0, 'default_value', '')
    : v;

const FILTERS: Record<string, Filter> = Object.assign(Object.create(null), {
  abs: (v) => {
    if (!isNumber(v)) throw new Error(`bad operand type for abs(): '${typeName(v)}'`);
    const n = numeric(v);
    return typeof n === 'bigint' ? (n < 0n ? -n : n) : Math.abs(n);
  },
  attr: (v, [name]) => (v instanceof Map && v.has(name) ? missing(`no attribute ${str(name)}`) : attribute(v, str(name))),
  capitalize: (v) => capitalized(text(v)),
  count: counted,
  default: otherwise,
  d: otherwise,
  dictsort: dictsorted,
  e: escaped,
  escape: escaped,
  first: (v) => atEnd(iterate(v), 0, 'No first item, sequence was empty.'),
  float: toFloat,
  indent: indented,
  int: toInt,
  items: (v) => {
    if (isUndefined(v)) return generator([]);
    if (!(v instanceof Map)) throw new Error('Can only get item pairs from a mapping.');
    return generator([...v].map((pair) => ({ tuple: pair })));
  },
  join: (v, args, kw) => {
    const path = argument(args, kw, 1, 'attribute', null);
    const list = path === null ? iterate(v) : iterate(v).map(getter(path, undefined));
    return joined(list.map(str), str(argument(args, kw, 0, 'd', '')));
  },
  last: (v) => atEnd(iterate(v), -1, 'No last item, sequence was empty.'),
  length: counted,
  list: (v) => [...iterate(v)],
  lower: (v) => text(v).toLowerCase(),
  map: mapped,
  max: extreme(true),
  min: extreme(false),
  reject: chosen(false, false),
  rejectattr: chosen(false, true),
  replace: (v, args, kw) => replaced(text(v), str(args[0]), str(args[1]), Number(argument(args, kw, 2, 'count', -1n) ?? -1)),
  reverse: (v) => (typeof v === 'string' ? characters(v).reverse().join('') : generator([...iterate(v)].reverse())),
  round: (v, args, kw) => {
    const out = rounded(v, args, kw);
    return typeof v === 'number' || str(argument(args, kw, 1, 'method', 'common')) !== 'common' ? Number(out) : out;
  },
  safe: (v) => text(v),
  select: chosen(true, false),
  selectattr: chosen(true, true),
  sort: sorted,
  string: (v) => text(v),
  sum: (v, args, kw) => {
    const path = argument(args, kw, 0, 'attribute', null);
    const list = path === null ? iterate(v) : iterate(v).map(getter(path, undefined));
    return list.reduce(
      (sum: Value, one) => {
        if (!isNumber(one) || !isNumber(sum))
          throw new Error(`unsupported operand type(s) for +: '${typeName(sum)}' and '${typeName(one)}'`);
        const [a, b] = [numeric(sum), numeric(one)];
        return typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);
      },
      argument(args, kw, 1, 'start', 0n),
    );
  },
  title: (v) =>
    text(v)
      .split(new RegExp(`([-${SPACE}({\\[<]+)`))
      .map((part) => capitalized(part))
      .join(''),
  tojson: json,
  trim: (v, args, kw) => strip(text(v), argument(args, kw, 0, 'chars', null)),
  unique: (v, args, kw) => {
    const sensitive = truth(argument(args, kw, 0, 'case_sensitive', false));
    const seen: Value[] = [];
    mustCount(iterate(v).length * 16); // each is held against all before it
    return generator(
      iterate(v).filter((one) => {
        const key = folded(one, sensitive);
        keyOf(key);
        if (seen.some((other) => equal(other, key))) return false;
        seen.push(key);
        return true;
      }),
    );
  },
  upper: (v) => text(v).toUpperCase(),
  wordcount: (v) => BigInt(text(v).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
} satisfies Record<string, Filter>);

/** `text % values`, as far as templates use it: %s, %d, %r and %%. */
export function formatted(pattern: string, values: Value): string {
  const given = isTuple(values) ? [...values.tuple] : [values];
  const out = pattern.replace(/%(.)/gs, (_, kind: string) => {
    if (kind === '%') return '%';
    const v = given.shift();
    if (v === undefined) throw new Error('not enough arguments for format string');
    if (kind === 's') return str(v);
    if (kind === 'r') return repr(v);
    if (kind === 'd' && isNumber(v))
      return typeof v === 'number' ? floatText(Math.trunc(v)).replace(/\.0$/, '') : str(numeric(v));
    throw new Error(`the format %${kind} is not one that this program knows; write the template without it`);
  });
  const list = Array.isArray(values) || values instanceof Map || isUndefined(values); // Python takes these for mappings
  if (given.length > 0 && !list) throw new Error('not all arguments converted during string formatting');
  return out;
}
