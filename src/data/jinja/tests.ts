/** Jinja's tests (`is defined`), with the meaning that Python's Jinja gives them. One that is not here is refused by name. */
import { contains } from './access.ts';
import { equal, isCallable, isNumber, isTuple, isUndefined, isView, less, numeric, str, type Value } from './values.ts';

type Test = (v: Value, args: Value[]) => boolean;

export function test(name: string, v: Value, args: Value[]): boolean {
  if (TESTS[name] === undefined)
    throw new Error(`the test "${name}" is not one that this program knows; write the template without it`);
  return TESTS[name](v, args);
}

const compares =
  (holds: (a: Value, b: Value) => boolean): Test =>
  (v, [other]) =>
    holds(v, other);
const equals = compares(equal);
const differs = compares((a, b) => !equal(a, b));
const above = compares((a, b) => less(b, a, '>'));
const below = compares((a, b) => less(a, b));
const atLeast = compares((a, b) => less(b, a, '>=') || equal(a, b));
const atMost = compares((a, b) => less(a, b, '<=') || equal(a, b));
const whole = (v: Value) => {
  if (!isNumber(v)) throw new Error(`not all arguments converted during string formatting`);
  return numeric(v);
};

const TESTS: Record<string, Test> = Object.assign(Object.create(null), {
  defined: (v) => !isUndefined(v),
  undefined: (v) => isUndefined(v),
  none: (v) => v === null,
  string: (v) => typeof v === 'string',
  number: isNumber,
  integer: (v) => typeof v === 'bigint',
  float: (v) => typeof v === 'number',
  boolean: (v) => typeof v === 'boolean',
  true: (v) => v === true,
  false: (v) => v === false,
  mapping: (v) => v instanceof Map,
  iterable: (v) => typeof v === 'string' || Array.isArray(v) || v instanceof Map || isTuple(v) || isView(v) || isUndefined(v),
  sequence: (v) => typeof v === 'string' || Array.isArray(v) || v instanceof Map || isTuple(v) || isUndefined(v),
  callable: (v) => isCallable(v) || isUndefined(v),
  even: (v) => Number(whole(v)) % 2 === 0,
  odd: (v) => Math.abs(Number(whole(v)) % 2) === 1,
  divisibleby: (v, [by]) => Number(whole(v)) % Number(whole(by)) === 0,
  lower: (v) => /\p{Ll}/u.test(str(v)) && str(v) === str(v).toLowerCase(),
  upper: (v) => /\p{Lu}/u.test(str(v)) && str(v) === str(v).toUpperCase(),
  in: (v, [container]) => contains(container, v),
  eq: equals,
  equalto: equals,
  '==': equals,
  ne: differs,
  '!=': differs,
  gt: above,
  greaterthan: above,
  '>': above,
  lt: below,
  lessthan: below,
  '<': below,
  ge: atLeast,
  '>=': atLeast,
  le: atMost,
  '<=': atMost,
  sameas: (v, [other]) => v === other,
  escaped: () => false,
} satisfies Record<string, Test>);
