/**
 * How a template reaches into a value: attributes, items, slices and `in`, in the order in which Jinja tries them.
 * The methods themselves are methods.ts.
 */
import { methodOf } from './methods.ts';
import {
  characters,
  equal,
  isNamespace,
  isNumber,
  isTuple,
  isUndefined,
  iterate,
  lookup,
  missing,
  numeric,
  str,
  typeName,
  type Value,
} from './values.ts';

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
  missing(
    object instanceof Map
      ? `'dict object' has no attribute '${name}'`
      : `'${typeName(object)} object' has no attribute '${name}'`,
  );

function itemOf(object: Value, key: Value): Value | undefined {
  if (object instanceof Map) return Array.isArray(key) || key instanceof Map ? undefined : lookup(object, key);
  const list =
    typeof object === 'string' ? characters(object) : Array.isArray(object) ? object : isTuple(object) ? object.tuple : null;
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
  if (typeof object === 'object' && object !== null && 'name' in object && name === 'name') return object.name;
  if (isNumber(object) && (name === 'real' || name === 'numerator')) return numeric(object);
  return methodOf(object, name);
}

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
