// What of a kernel need not be followed for its indices: floats, which are unknown, unless they come from shared memory.

import { resolved } from './values.ts';
import type { Expr, Module, Statement, Type } from './wgsl.ts';

/** Whether a local name is a float; undefined where it is no local. */
export type Local = (name: string) => boolean | undefined;

const touching = new WeakMap<Expr, boolean>();

/** Whether anything in it reads shared memory or calls a function, which may. */
export function touches(m: Module, e: Expr): boolean {
  const known = touching.get(e);
  if (known !== undefined) return known;
  const parts =
    e.k === 'binary'
      ? [e.a, e.b]
      : e.k === 'index'
        ? [e.a, e.at]
        : e.k === 'member' || e.k === 'unary'
          ? [e.a]
          : e.k === 'call'
            ? e.args
            : [];
  const own = (e.k === 'name' && m.variables.get(e.name)?.space === 'workgroup') || (e.k === 'call' && m.functions.has(e.name));
  const found = own || parts.some((p) => touches(m, p));
  touching.set(e, found);
  return found;
}

export function isFloatType(m: Module, type: Type): boolean {
  let t = resolved(m, type);
  while (t.of) t = resolved(m, t.of);
  return t.name === 'f32' || t.name === 'f16';
}

const MATH = /^(fma|exp2?|log2?|sqrt|inverseSqrt|dot|tanh|abs|sign|floor|round|pow|select|min|max|clamp|mix|ldexp|subgroup\w+)$/;

const floating = new WeakMap<Expr, boolean>();

/** Whether it is a float, or vectors or arrays of them: then its value is unknown, whatever it is made of. */
export function isFloat(m: Module, local: Local, e: Expr): boolean {
  let known = floating.get(e);
  if (known === undefined) floating.set(e, (known = findFloat(m, local, e)));
  return known;
}

function findFloat(m: Module, local: Local, e: Expr): boolean {
  if (e.k === 'number') return e.float;
  if (e.k === 'name') {
    const known = local(e.name);
    if (known !== undefined) return known;
    const variable = m.variables.get(e.name);
    return variable !== undefined && !(variable.type.name in Object.fromEntries(m.structs)) && isFloatType(m, variable.type);
  }
  if (e.k === 'index' || e.k === 'unary') return isFloat(m, local, e.a);
  if (e.k === 'member') return isFloat(m, local, e.a);
  if (e.k === 'binary') return !/^[<>=!&|]/.test(e.op) && (isFloat(m, local, e.a) || isFloat(m, local, e.b));
  if (e.k !== 'call') return false;
  const fn = m.functions.get(e.name);
  if (fn) return fn.returns !== undefined && isFloatType(m, fn.returns);
  if (MATH.test(e.name)) return e.args.some((a) => isFloat(m, local, a));
  return /^unpack\w+float$/.test(e.name) || isFloatType(m, e.type);
}

const looping = new WeakMap<Statement[], boolean>();

export function holdsLoop(m: Module, body: Statement[]): boolean {
  const known = looping.get(body);
  if (known !== undefined) return known;
  const inside = (x: Statement): boolean =>
    x.k === 'loop' ||
    (x.k === 'if' && (x.then.some(inside) || x.or.some(inside))) ||
    (x.k === 'block' && x.body.some(inside)) ||
    (x.k === 'call' && x.call.k === 'call' && (m.functions.get(x.call.name)?.body.some(inside) ?? false));
  const found = body.some(inside);
  looping.set(body, found);
  return found;
}
