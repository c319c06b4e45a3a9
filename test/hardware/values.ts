// Types as they lie in memory, and integers as WGSL counts with them. For following kernels (lane.ts); floats are never computed.

import type { Expr, Module, Type } from './wgsl.ts';

/** undefined: not known, as every float is. Vectors and arrays hold their elements. */
export type Value = number | boolean | Value[] | { [field: string]: Value } | undefined;

const SCALARS: Record<string, number> = { f32: 4, u32: 4, i32: 4, bool: 4, f16: 2 };
const SUFFIX: Record<string, string> = { f: 'f32', u: 'u32', i: 'i32', h: 'f16' };

/** Aliases looked up, vec4f as a vec4 of f32. */
export function resolved(m: Module, type: Type): Type {
  const known = m.aliases.get(type.name);
  if (known) return resolved(m, known);
  const [, vector, suffix] = type.name.match(/^(vec[234])([fuih])$/) ?? [];
  if (vector) return { name: vector, of: { name: SUFFIX[suffix] } };
  return /^mat.*f$/.test(type.name) ? { name: 'matrix', of: { name: 'f32' } } : type;
}

export function layout(m: Module, type: Type): { size: number; align: number } {
  const t = resolved(m, type);
  if (t.name in SCALARS) return { size: SCALARS[t.name], align: SCALARS[t.name] };
  const of = layout(m, t.of!);
  if (t.name === 'atomic') return of;
  if (t.name === 'array') return { size: strideOf(of) * constantOf(m, t.count!), align: of.align };
  const n = Number(t.name.at(-1));
  return { size: of.size * n, align: of.size * (n === 3 ? 4 : n) };
}

export const strideOf = ({ size, align }: { size: number; align: number }) => Math.ceil(size / align) * align;

/** An integer made of literals and module constants. */
export function constantOf(m: Module, e: Expr): number {
  const constant = (x: Expr): Value => {
    if (x.k === 'number') return x.value;
    if (x.k === 'name' && m.consts.has(x.name)) return constant(m.consts.get(x.name)!);
    return x.k === 'binary' ? binary(x.op, constant(x.a), constant(x.b)) : undefined;
  };
  const value = constant(e);
  if (typeof value !== 'number') throw new Error(`expected a constant, got ${JSON.stringify(e)}`);
  return value;
}

/** Indices are u32: what falls below 0 begins at the top again. */
export function binary(op: string, a: Value, b: Value): Value {
  if (Array.isArray(a) || Array.isArray(b)) {
    const n = (Array.isArray(a) ? a : (b as Value[])).length;
    return Array.from({ length: n }, (_, i) => binary(op, Array.isArray(a) ? a[i] : a, Array.isArray(b) ? b[i] : b));
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') {
    if (op === '&&' || op === '&') return a && b;
    if (op === '||' || op === '|') return a || b;
    return op === '==' ? a === b : a !== b;
  }
  if (typeof a !== 'number' || typeof b !== 'number') return undefined;
  switch (op) {
    case '+':
      return (a + b) % 2 ** 32;
    case '-':
      return a >= b ? a - b : a - b + 2 ** 32; // indices are u32
    case '*':
      return Number((BigInt(a) * BigInt(b)) & 0xffffffffn);
    case '/':
      return b ? Math.trunc(a / b) : a;
    case '%':
      return b ? a % b : 0;
    case '<<':
      return (a << b) >>> 0;
    case '>>':
      return a >>> b;
    case '&':
      return (a & b) >>> 0;
    case '|':
      return (a | b) >>> 0;
    case '^':
      return (a ^ b) >>> 0;
    case '<':
      return a < b;
    case '>':
      return a > b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
    case '==':
      return a === b;
    case '!=':
      return a !== b;
  }
  throw new Error(`expected an operator, got ${op}`);
}
