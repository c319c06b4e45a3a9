// Expansion of constant-bound `for` loops that stand below a line `// @unroll`.
// Why: software adapters keep an array in registers only where every index is a literal (several times the speed of a loop).
// It works on text without comments (but for the marks) and evaluates integer expressions only.

export const MARK = '// @unroll';
const MAX_UNROLLED = 2 ** 22;

/** Integer module constants by name. */
export type Env = Map<string, { value: number; unsigned: boolean }>;

/** Expands every marked loop, outermost first, so that an inner bound may use an outer loop's variable. */
export function unroll(text: string, env: Env): string {
  for (let mark = text.indexOf(MARK); mark >= 0; mark = text.indexOf(MARK, mark)) {
    const loop = readLoop(text, mark, env);
    if (text.length + (loop.body.length * (loop.to - loop.from)) / loop.step > MAX_UNROLLED) {
      throw new Error(`expected unrolled loops of at most ${MAX_UNROLLED} characters, got more at "${loop.line}": unroll less`);
    }
    const copies: string[] = [];
    for (let i = loop.from; i < loop.to; i += loop.step) copies.push(loop.body.replace(loop.name, `${i}${loop.suffix}`));
    text = text.slice(0, mark) + copies.map((copy) => `{${copy}}`).join('\n') + text.slice(loop.end);
  }
  return text;
}

type Loop = { name: RegExp; from: number; to: number; step: number; suffix: string; body: string; end: number; line: string };

function readLoop(text: string, mark: number, env: Env): Loop {
  const start = mark + MARK.length + text.slice(mark + MARK.length).search(/\S|$/);
  const line = lineAt(text, start);
  const fail = (got: string): never => {
    throw new Error(
      `expected "for (var i = A; i < B; i++) {" with constant A and B below "${MARK}", got ${got} in "${line}": ` +
        'make the bounds module constants or literals, or take the mark away',
    );
  };
  const head = text.slice(start).match(/^for\s*(?=\()/) ?? fail('no for loop');
  const headEnd = closing(text, start + head[0].length, '(', ')');
  const [init = '', test = '', next = ''] = text.slice(start + head[0].length + 1, headEnd - 1).split(';');
  const [, name = '', type = '', A = ''] =
    init.match(/^\s*var\s+(\w+)\s*(?::\s*(\w+)\s*)?=(.*)$/s) ?? fail('another initialiser');
  const [, tested, B = ''] = test.match(/^\s*(\w+)\s*<([^=].*)$/s) ?? fail('another test');
  const [, stepped, S = '1'] = next.match(/^\s*(\w+)\s*(?:\+\+|\+=(.*))\s*$/s) ?? fail('another increment');
  if (tested !== name || stepped !== name) fail('two loop variables');
  const [from, to, step] = [A, B, S].map((e) => constant(e, env) ?? fail(`the bound "${e.trim()}", which is not constant,`));
  if (step < 1) fail(`a step of ${step}`);
  const brace = text.slice(headEnd).search(/\S/) + headEnd;
  if (text[brace] !== '{') fail('no body in braces');
  const end = closing(text, brace, '{', '}');
  const body = text.slice(brace + 1, end - 1);
  if (/\b(break|continue)\b/.test(body)) fail('break or continue');
  if (new RegExp(`\\b(let|var|const)\\s+${name}\\b`).test(body)) fail(`a second "${name}"`);
  const suffix = type === 'u32' || (!type && isUnsigned(A, env)) ? 'u' : '';
  return { name: new RegExp(`(?<![.\\w])${name}(?!\\w)`, 'g'), from, to, step, suffix, body, end, line };
}

/** Index after the bracket that closes the one at `at`. */
export function closing(text: string, at: number, open: string, close: string): number {
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    if (text[i] === open) depth++;
    else if (text[i] === close && --depth === 0) return i + 1;
  }
  throw new Error(`expected "${close}" to close "${open}", got the end of the text after "${lineAt(text, at)}": close it`);
}

export function lineAt(text: string, at: number): string {
  return text
    .slice(text.lastIndexOf('\n', at) + 1)
    .split('\n', 1)[0]
    .trim();
}

/** True where an integer expression has type u32. */
export function isUnsigned(expression: string, env?: Env): boolean {
  return (
    /\b(\d+|0x[\da-f]+)u\b/i.test(expression) || [...expression.matchAll(/[a-z_]\w*/gi)].some((m) => env?.get(m[0])?.unsigned)
  );
}

/** The value of an integer expression of literals, constants, + - * / % and brackets; undefined for anything else. */
export function constant(expression: string, env: Env): number | undefined {
  const tokens = expression.match(/0x[\da-f]+[ui]?|\d+[ui]?(?![\w.])|[a-z_]\w*|[-+*/%()]|\S/gi) ?? [];
  let at = 0;
  const sum = () => chain(product, { '+': (a, b) => a + b, '-': (a, b) => a - b });
  const product = () => chain(atom, { '*': (a, b) => a * b, '/': (a, b) => Math.trunc(a / b), '%': (a, b) => a % b });
  const chain = (operand: () => number, ops: Record<string, (a: number, b: number) => number>): number => {
    let left = operand();
    while (at < tokens.length && Object.hasOwn(ops, tokens[at])) left = ops[tokens[at++]](left, operand());
    return left;
  };
  const atom = (): number => {
    const token = tokens[at++] ?? '';
    if (token === '-') return -atom();
    if (token === '(') {
      const inner = sum();
      return tokens[at++] === ')' ? inner : Number.NaN;
    }
    if (/^\d/.test(token)) return Number(token.replace(/[ui]$/, ''));
    return env.get(token)?.value ?? Number.NaN;
  };
  const value = sum();
  return at === tokens.length && Number.isFinite(value) ? value : undefined;
}
