// How much an invocation keeps for itself: what its variables hold, read off the WGSL. Registers are the compiler's business; but
// more variables than registers spill on every GPU, and arrays that are kept through a loop cannot be shared by it.

import type { Linked } from './link.ts';
import { closing, constant, type Env } from './unroll.ts';

/** Words of 32 bits in the variables of an invocation, where most of them are in scope at once. */
export function privateWords({ code }: Pick<Linked, 'code'>): number {
  const env: Env = new Map();
  const aliases = new Map([...code.matchAll(/\balias\s+(\w+)\s*=\s*([^;]+);/g)].map(([, name, type]) => [name, type.trim()]));
  for (const [, name, value] of code.matchAll(/\bconst\s+(\w+)\s*(?::\s*\w+\s*)?=\s*([^;]+);/g)) {
    const known = constant(value, env);
    if (known !== undefined) env.set(name, { value: known, unsigned: true });
  }
  /** Of each open scope, the words of its variables so far. */
  const scopes = [0];
  const types = new Map<string, string>();
  let most = 0;
  for (const m of code.matchAll(/[{}]|\bvar\s*(<\w+[^>]*>)?\s*(\w+)\s*(?::\s*|=\s*)/g)) {
    if (m[0] === '{') scopes.push(0);
    else if (m[0] === '}') scopes.pop();
    else if (!m[1] || m[1] === '<private>') {
      const type = typeAt(code, m.index + m[0].length);
      types.set(m[2], types.get(type) ?? type);
      scopes[scopes.length - 1] += wordsOf(types.get(m[2])!, aliases, env);
      most = Math.max(
        most,
        scopes.reduce((a, b) => a + b),
      );
    }
  }
  return most;
}

/** The type, or the constructor that says it, or the variable that is copied. */
function typeAt(code: string, at: number): string {
  const [name] = code.slice(at).match(/^\w+/) ?? [''];
  const list = code[at + name.length] === '<' ? code.slice(at, closing(code, at + name.length, '<', '>')) : name;
  return list;
}

/** Words of a type; one of what is not known, which is a number. */
function wordsOf(type: string, aliases: Map<string, string>, env: Env): number {
  const of = aliases.get(type) ?? type;
  const [, count, half] = of.match(/^vec([234])(?:[fiu]|(h)|<)/) ?? [];
  if (count) return half ? Number(count) / 2 : Number(count);
  const [, columns, rows] = of.match(/^mat([234])x([234])/) ?? [];
  if (columns) return Number(columns) * Number(rows);
  const [, element, n] = of.match(/^array<(.+),([^,]+)>$/s) ?? [];
  if (element) return wordsOf(element.trim(), aliases, env) * (constant(n, env) ?? Number.NaN);
  return 1;
}
