/**
 * A template's text as statements: @huggingface/jinja reads the syntax, with what it does not know written in other words
 * (generation blocks), and what it groups otherwise than Python's Jinja marked for expressions.ts (~ binds tighter than +,
 * comparisons in a chain).
 */
import { parse, tokenize } from '@huggingface/jinja';

/** Names that a template's generation blocks are set to on the way to the parser. */
export const GENERATION = { open: '_generation_opens', close: '_generation_closes' };

type Token = ReturnType<typeof tokenize>[number];

let last: { text: string; body: unknown[] } | undefined;

/** Statements of a template; throws where its syntax is not known. */
export function statementsOf(text: string): any[] {
  if (last?.text !== text) {
    const known = text
      .replace(/\r\n?/g, '\n') // as Jinja reads any template
      .replace(/\{%([-+]?)\s*generation\s*([-+]?)%\}/g, `{%$1 set ${GENERATION.open} = 1 $2%}`)
      .replace(/\{%([-+]?)\s*endgeneration\s*([-+]?)%\}/g, `{%$1 set ${GENERATION.close} = 1 $2%}`);
    const tokens = tokenize(known, { lstrip_blocks: true, trim_blocks: true });
    tokens.forEach((token, i) => {
      if (token.value === '~' && token.type === 'AdditiveBinaryOperator')
        Object.assign(token, { afterSum: before(tokens, i, isSum) });
      if (isComparison(token)) Object.assign(token, { chained: before(tokens, i, isComparison), continued: goesOn(tokens, i) });
    });
    last = { text, body: parse(tokens).body };
  }
  return last.body as any[];
}

const isSum = ({ type, value }: Token) => type === 'AdditiveBinaryOperator' && value !== '~';
const isComparison = ({ type, value }: Token) => type === 'ComparisonBinaryOperator' || (type === 'Identifier' && value === 'in');

/** Whether such an operator stands before place i, not in brackets and with no weaker one between. */
function before(tokens: Token[], i: number, such: (token: Token) => boolean): boolean {
  for (let depth = 0; i-- > 0; ) {
    const { type, value } = tokens[i];
    if (type.startsWith('Close')) depth++;
    else if (type.startsWith('Open') && --depth < 0) return false;
    if (depth > 0) continue;
    if (such(tokens[i])) return true;
    if (['Comma', 'Equals', 'Colon'].includes(type)) return false;
    if (type === 'Identifier' && ['and', 'or', 'not', 'if', 'else', 'is', 'for'].includes(value)) return false;
    if (isComparison(tokens[i])) return false;
  }
  return false;
}

/** Whether another comparison follows that at place i, not in brackets and with no weaker operator between. */
function goesOn(tokens: Token[], i: number): boolean {
  for (let depth = 0; ++i < tokens.length; ) {
    const { type, value } = tokens[i];
    if (type.startsWith('Open')) depth++;
    else if (type.startsWith('Close') && --depth < 0) return false;
    if (depth > 0) continue;
    if (isComparison(tokens[i])) return true;
    if (['Comma', 'Equals', 'Colon'].includes(type)) return false;
    if (type === 'Identifier' && value === 'not') return tokens[i + 1]?.value === 'in';
    if (type === 'Identifier' && ['and', 'or', 'if', 'else', 'is'].includes(value)) return false;
  }
  return false;
}
