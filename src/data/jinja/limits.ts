/**
 * What a template may take: it comes with a model, from anybody. Steps are counted, with what they work on by its size, so that
 * any template ends within a second or two; texts and lists stay within what a row can be.
 */
import { isTuple, type Value } from './values.ts';

/** Nodes that one rendering may evaluate: the published templates take some fifty a message. */
export const MAX_STEPS = 3_000_000;
/** Characters of any text. */
const MAX_TEXT = 1 << 25;
/** Values in any list. */
export const MAX_LIST = 100_000;
/** Binary digits of any whole number. */
const MAX_BITS = 4096;

/** What is left to a rendering. */
export interface Budget {
  left: number;
}

/** Counts a value that was made or looked up. */
export function spend(budget: Budget, value: Value): Value {
  if (typeof value === 'bigint' && (value > MAX_NUMBER || value < -MAX_NUMBER)) throw tooLong();
  const list = Array.isArray(value) ? value : isTuple(value) ? value.tuple : undefined;
  const length = typeof value === 'string' ? mustFit(value.length) >> 8 : list ? mustCount(list.length) >> 4 : 0;
  step(budget, 1 + length);
  return value;
}

/** Counts steps in which no value comes about. */
export function step(budget: Budget, n = 1): void {
  budget.left -= n;
  if (budget.left < 0) throw new Error(`the template takes more than ${MAX_STEPS} steps`);
}

/** A length of a text to be made; an error where it is too long. */
export function mustFit(length: number): number {
  if (!(length <= MAX_TEXT)) throw new Error(`the template makes a text of more than ${MAX_TEXT} characters`);
  return length;
}

/** A length of a list to be made; an error where it is too long. */
export function mustCount(length: number): number {
  if (!(length <= MAX_LIST)) throw new Error(`the template makes a list of more than ${MAX_LIST} values`);
  return length;
}

/** x ** y for whole numbers, where the result has a length that anybody could mean. */
export function power(x: bigint, y: bigint): bigint {
  if (x.toString(2).length * Number(y) > MAX_BITS) throw tooLong();
  return x ** y;
}

/** Characters that a rendering may write of names of so many: what it is given some times over, and as much again as any prompt has. */
export const mostWritten = (given: number): number => Math.min(MAX_TEXT, 2 ** 20 + 8 * given);

/** Texts with one between them. */
export function joined(texts: string[], between: string): string {
  mustFit(texts.reduce((sum, text) => sum + text.length, between.length * Math.max(0, texts.length - 1)));
  return texts.join(between);
}

const MAX_NUMBER = 1n << BigInt(MAX_BITS);
const tooLong = () => new Error(`the template makes a number of more than ${MAX_BITS} bits`);
