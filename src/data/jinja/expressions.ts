/**
 * A template's expressions as values: names, operators, calls. What a text plus a dict is, is an error, as in Python.
 * Statements are statements.ts.
 */

import { attribute, contains, item, slice } from './access.ts';
import { filter, formatted } from './filters.ts';
import { type Budget, mustCount, mustFit, power, spend } from './limits.ts';
import { test } from './tests.ts';
import {
  equal,
  isCallable,
  isNumber,
  isTuple,
  isUndefined,
  iterate,
  type Kw,
  keyOf,
  less,
  missing,
  numeric,
  str,
  truth,
  typeName,
  type Undefined,
  type Value,
} from './values.ts';

export interface Scope {
  names: Map<string, Value>;
  around?: Scope;
  /** Loops around. */
  depth?: number;
  /** Of the whole rendering. */
  budget: Budget;
}

export const child = (around: Scope): Scope => ({ names: new Map(), around, depth: around.depth, budget: around.budget });

export const setName = (scope: Scope, name: string, value: Value) => void scope.names.set(name, value);

function find(scope: Scope | undefined, name: string): Value {
  for (let s = scope; s !== undefined; s = s.around) if (s.names.has(name)) return s.names.get(name)!;
  return missing(`'${name}' is undefined`);
}

const CONSTANTS: Record<string, Value> = { true: true, True: true, false: false, False: false, none: null, None: null };

/** The value of an expression, counted. */
export const evaluate = (node: any, scope: Scope): Value => spend(scope.budget, worth(node, scope));

function worth(node: any, scope: Scope): Value {
  switch (node.type) {
    case 'IntegerLiteral':
      if (!Number.isSafeInteger(node.value)) throw new Error('expected whole numbers below 2^53 in a template, got a longer one');
      return BigInt(node.value);
    case 'FloatLiteral':
    case 'StringLiteral':
      return node.value;
    case 'ArrayLiteral':
      return node.value.map((one: any) => evaluate(one, scope));
    case 'TupleLiteral':
      return { tuple: node.value.map((one: any) => evaluate(one, scope)) };
    case 'ObjectLiteral':
      return new Map([...node.value].map(([key, value]: any) => [keyOf(evaluate(key, scope)), evaluate(value, scope)]));
    case 'Identifier':
      return Object.hasOwn(CONSTANTS, node.value) ? CONSTANTS[node.value] : find(scope, node.value);
    case 'MemberExpression':
      return member(node, scope);
    case 'CallExpression':
      return call(node, scope);
    case 'UnaryExpression':
      return unary(node, scope);
    case 'BinaryExpression':
      return binary(node, scope);
    case 'FilterExpression': {
      const v = evaluate(node.operand, scope);
      const { name, args, kw } = filterCall(node.filter, scope);
      return filter(name, v, args, kw);
    }
    case 'TestExpression':
      return test(node.test.value, evaluate(node.operand, scope), []) !== node.negate;
    case 'Ternary':
      return evaluate(truth(evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
    case 'SelectExpression':
      return truth(evaluate(node.test, scope))
        ? evaluate(node.lhs, scope)
        : missing('the inline if-expression evaluated to false and no else section was defined.');
    default:
      throw new Error(`${node.type} is not something that this program knows; write the template without it`);
  }
}

function member({ object, property, computed }: any, scope: Scope): Value {
  const of = evaluate(object, scope);
  if (!computed) return property.type === 'IntegerLiteral' ? item(of, BigInt(property.value)) : attribute(of, property.value);
  if (property.type !== 'SliceExpression') return item(of, evaluate(property, scope));
  if (isUndefined(of)) throw new Error(of.undefined);
  const bound = (one: any) => (one === undefined ? undefined : evaluate(one, scope));
  return slice(of, [bound(property.start), bound(property.stop), bound(property.step)]);
}

function call({ callee, args: given }: any, scope: Scope): Value {
  const f = evaluate(callee, scope);
  const { args, kw } = callArguments(given, scope);
  if (isUndefined(f)) throw new Error(f.undefined);
  if (!isCallable(f)) throw new Error(`'${typeName(f)}' object is not callable`);
  return f.call(args, kw);
}

export function callArguments(nodes: any[], scope: Scope): { args: Value[]; kw: Kw } {
  const args: Value[] = [];
  const kw: Kw = new Map();
  for (const node of nodes)
    if (node.type === 'KeywordArgumentExpression') kw.set(node.key.value, evaluate(node.value, scope));
    else if (node.type === 'SpreadExpression') args.push(...iterate(evaluate(node.argument, scope)));
    else if (node.type === 'KeywordSpreadExpression') {
      const more = evaluate(node.argument, scope);
      if (!(more instanceof Map)) throw new Error(`argument after ** must be a mapping, not ${typeName(more)}`);
      for (const [key, value] of more) kw.set(str(key), value);
    } else args.push(evaluate(node, scope));
  return { args, kw };
}

export function filterCall(node: any, scope: Scope): { name: string; args: Value[]; kw: Kw } {
  if (node.type === 'Identifier') return { name: node.value, args: [], kw: new Map() };
  return { name: node.callee.value, ...callArguments(node.args, scope) };
}

function unary({ operator, argument }: any, scope: Scope): Value {
  const v = evaluate(argument, scope);
  if (operator.value === 'not') return !truth(v);
  if (isUndefined(v)) throw new Error(v.undefined);
  if (!isNumber(v)) throw new Error(`bad operand type for unary ${operator.value}: '${typeName(v)}'`);
  const n = numeric(v);
  return operator.value === '-' ? -n : n;
}

const COMPARES = ['==', '!=', '<', '>', '<=', '>=', 'in', 'not in'];
const isChain = ({ operator, left }: any) =>
  COMPARES.includes(operator.value) &&
  left.type === 'BinaryExpression' &&
  COMPARES.includes(left.operator.value) &&
  (operator.chained || left.operator.continued);

/** a < b < c: each compared with the next, one after another while they hold. */
function chain({ operator, left, right }: any, scope: Scope): { holds: Value; last: Value } {
  const first = isChain({ operator, left }) ? chain(left, scope) : { holds: true, last: evaluate(left, scope) };
  if (!truth(first.holds)) return first;
  const last = evaluate(right, scope);
  return { holds: operated(operator, first.last, last), last };
}

function binary(node: any, scope: Scope): Value {
  const { operator, left, right } = node;
  const sign: string = operator.value;
  if (isChain(node)) return chain(node, scope).holds;
  const a = evaluate(left, scope);
  if (sign === 'and') return truth(a) ? evaluate(right, scope) : a;
  if (sign === 'or') return truth(a) ? a : evaluate(right, scope);
  if (sign === '+' && [left, right].some(isMarkup))
    throw new Error('a text by safe or escape is put beside another by +, which Python then escapes; write ~ in its place');
  return operated(operator, a, evaluate(right, scope));
}

const isMarkup = ({ type, filter }: any) =>
  type === 'FilterExpression' && ['safe', 'e', 'escape'].includes(filter.value ?? filter.callee?.value);

function operated(operator: any, a: Value, b: Value): Value {
  const sign: string = operator.value;
  switch (sign) {
    case '==':
      return equal(a, b);
    case '!=':
      return !equal(a, b);
    case 'in':
      return contains(b, a);
    case 'not in':
      return !contains(b, a);
    case '<':
      return less(a, b);
    case '>':
      return less(b, a, '>');
    case '<=':
      return less(a, b, '<=') || equal(a, b);
    case '>=':
      return less(b, a, '>=') || equal(a, b);
    case '~':
      // a + b ~ c is a + (b ~ c) in Jinja: the same for texts alone
      if (operator.afterSum && typeof a !== 'string')
        throw new Error(`unsupported operand type(s) for +: '${typeName(a)}' and 'str'`);
      return str(a) + str(b);
  }
  if (sign === '%' && typeof a === 'string') return formatted(a, b);
  const unknown = [a, b].find(isUndefined);
  if (unknown) throw new Error((unknown as Undefined).undefined);
  return isNumber(a) && isNumber(b) ? arithmetic(sign, numeric(a), numeric(b)) : joined(sign, a, b);
}

function arithmetic(sign: string, a: bigint | number, b: bigint | number): Value {
  const [x, y] = [Number(a), Number(b)];
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint or a number
  if (['/', '//', '%'].includes(sign) && b == 0) throw new Error('division by zero');
  if (sign === '/') return x / y;
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    const rest = sign === '%' || sign === '//' ? ((a % b) + b) % b : 0n;
    if (sign === '+') return a + b;
    if (sign === '-') return a - b;
    if (sign === '*') return a * b;
    if (sign === '%') return rest;
    if (sign === '//') return (a - rest) / b;
    if (sign === '**') return b < 0n ? x ** y : power(a, b);
  }
  if (sign === '+') return x + y;
  if (sign === '-') return x - y;
  if (sign === '*') return x * y;
  const rest = x % y;
  const modulo = rest === 0 ? (y < 0 ? -0 : 0) : rest < 0 !== y < 0 ? rest + y : rest;
  if (sign === '//') return Math.floor((x - modulo) / y);
  if (sign === '%') return modulo;
  if (sign === '**') return x ** y;
  throw new Error(`the operator ${sign} is not one that this program knows`);
}

/** What + * and % mean for texts and lists; anything else is an error. */
function joined(sign: string, a: Value, b: Value): Value {
  if (sign === '*') {
    const [list, times] = isNumber(a) ? [b, a] : [a, b];
    if (typeof times === 'bigint' || typeof times === 'boolean') {
      const n = Math.max(0, Number(times));
      if (typeof list === 'string' && mustFit(list.length * n) >= 0) return list.repeat(n);
      if (Array.isArray(list) && mustCount(list.length * n) >= 0) return new Array(list.length && n).fill(list).flat();
    }
  }
  if (sign === '+') {
    if (typeof a === 'string' && typeof b === 'string') return a + b;
    if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
    if (isTuple(a) && isTuple(b)) return { tuple: [...a.tuple, ...b.tuple] };
    if (typeof a === 'string' || Array.isArray(a) || isTuple(a))
      throw new Error(`can only concatenate ${typeName(a)} (not "${typeName(b)}") to ${typeName(a)}`);
  }
  throw new Error(`unsupported operand type(s) for ${sign}: '${typeName(a)}' and '${typeName(b)}'`);
}
