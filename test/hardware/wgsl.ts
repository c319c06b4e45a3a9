// The WGSL of this project's kernels as a tree: enough of the language to follow their indices (banks.ts) and to lay out what they
// share. Not a validator: what compiles is said by naga and Tint. What it does not know is an error, never passed over.

export interface Type {
  name: string;
  of?: Type;
  count?: Expr;
}

/** `id` tells the places of a text apart. */
export type Expr =
  | { k: 'number'; value: number; float: boolean }
  | { k: 'bool'; value: boolean }
  | { k: 'name'; name: string }
  | { k: 'unary'; op: string; a: Expr }
  | { k: 'binary'; op: string; a: Expr; b: Expr }
  | { k: 'index'; a: Expr; at: Expr; id: number; text: string }
  | { k: 'member'; a: Expr; name: string; id: number; text: string }
  | { k: 'call'; name: string; type: Type; args: Expr[]; id: number };

export type Statement =
  | { k: 'declare'; name: string; type?: Type; value?: Expr; kept: boolean }
  | { k: 'assign'; to: Expr; op: string; value: Expr }
  | { k: 'call'; call: Expr }
  | { k: 'if'; test: Expr; then: Statement[]; or: Statement[] }
  | { k: 'loop'; first?: Statement; test?: Expr; next?: Statement; body: Statement[]; id: number }
  | { k: 'block'; body: Statement[] }
  | { k: 'return'; value?: Expr }
  | { k: 'break' }
  | { k: 'continue' };

export interface Fn {
  name: string;
  args: { name: string; type: Type; builtin?: string }[];
  returns?: Type;
  body: Statement[];
}

export interface Module {
  /** By name: module constants, variables with their address space, functions, aliases, fields of structs. */
  consts: Map<string, Expr>;
  variables: Map<string, { space: string; type: Type }>;
  functions: Map<string, Fn>;
  aliases: Map<string, Type>;
  structs: Map<string, { name: string; type: Type }[]>;
}

const TOKEN =
  /\s+|(0x[\da-f.]+p[-+]?\d+[fh]?|0x[\da-f]+[iu]?|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?[iufh]?)|([A-Za-z_]\w*)|(<<=|>>=|&&|\|\||<<|>>|->|\+\+|--|[-+*/%&|^=!<>]=|[-+*/%&|^=!<>~(){}[\],;:.@])/giy;
const TEMPLATES = /^(array|bitcast|vec[234]|ptr|atomic|mat[234]x[234])$/;
const BINARY: Record<string, number> = {
  ...{ '||': 1, '&&': 2, '|': 3, '^': 4, '&': 5, '==': 6, '!=': 6, '<': 7, '>': 7, '<=': 7, '>=': 7 },
  ...{ '<<': 8, '>>': 8, '+': 9, '-': 9, '*': 10, '/': 10, '%': 10 },
};

/** The tree of a linked text (its comments are gone). Throws where it holds what no kernel of this project has used so far. */
export function parse(code: string): Module {
  const tokens: { text: string; at: number }[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < code.length) {
    const at = TOKEN.lastIndex;
    const m = TOKEN.exec(code);
    if (!m) throw new Error(`expected WGSL, got "${code.slice(at, at + 30)}"`);
    if (m[0].trim()) tokens.push({ text: m[0], at });
  }
  let at = 0;
  let ids = 0;
  const peek = () => tokens[at]?.text ?? '';
  const next = () => tokens[at++].text;
  const take = (text: string) => {
    const is = peek() === text;
    if (is) at++;
    return is;
  };
  const want = (text: string) => {
    if (!take(text)) throw new Error(`expected "${text}", got "${code.slice(tokens[at]?.at, (tokens[at]?.at ?? 0) + 60)}"`);
  };
  const list = <T>(end: string, one: () => T): T[] => {
    const all: T[] = [];
    while (!take(end)) {
      all.push(one());
      if (!take(',') && peek() !== end) want(',');
    }
    return all;
  };

  const type = (): Type => {
    const name = next();
    if (!TEMPLATES.test(name) || !take('<')) return { name };
    const of = type();
    const count = take(',') ? binary(9) : undefined; // a count stands before ">"
    splitClosing();
    want('>');
    return { name, of, count };
  };
  /** Two closing brackets are read as a shift. */
  const splitClosing = () => {
    const { text, at: place } = tokens[at];
    if (text !== '>>' && text !== '>=') return;
    tokens.splice(at, 1, { text: '>', at: place }, { text: text[1], at: place + 1 });
  };

  const primary = (): Expr => {
    const start = tokens[at].at;
    let a: Expr;
    if (take('(')) {
      a = binary(1);
      want(')');
    } else if (/^[\d.]/.test(peek())) {
      const text = next();
      const float = /^0x/i.test(text) ? /p/i.test(text) : /[.efh]/i.test(text);
      a = { k: 'number', value: Number(text.replace(/[iu]$/i, '').replace(float ? /[fh]$/i : '', '')), float };
    } else if (peek() === 'true' || peek() === 'false') a = { k: 'bool', value: next() === 'true' };
    else {
      const named = type();
      if (take('(')) a = { k: 'call', name: named.name, type: named, args: list(')', () => binary(1)), id: ids++ };
      else a = { k: 'name', name: named.name };
    }
    for (;;) {
      const text = () => code.slice(start, tokens[at - 1].at + tokens[at - 1].text.length);
      if (take('[')) {
        const index = binary(1);
        want(']');
        a = { k: 'index', a, at: index, id: ids++, text: text() };
      } else if (take('.')) {
        const name = next();
        a = { k: 'member', a, name, id: ids++, text: text() };
      } else return a;
    }
  };
  const unary = (): Expr => (/^[-!~&*]$/.test(peek()) ? { k: 'unary', op: next(), a: unary() } : primary());
  const binary = (least: number): Expr => {
    let a = unary();
    while ((BINARY[peek()] ?? 0) >= least) {
      const op = next();
      a = { k: 'binary', op, a, b: binary(BINARY[op] + 1) };
    }
    return a;
  };

  const simple = (): Statement => {
    if (take('var') || peek() === 'let' || peek() === 'const') {
      const kept = tokens[at - 1].text === 'var';
      if (!kept) at++;
      if (kept && take('<')) while (next() !== '>');
      const name = next();
      return { k: 'declare', name, kept, type: take(':') ? type() : undefined, value: take('=') ? binary(1) : undefined };
    }
    if (take('_')) {
      want('=');
      return { k: 'call', call: binary(1) };
    }
    const to = unary();
    const op = peek();
    if (op === ';' || op === ')') return { k: 'call', call: to };
    next();
    if (op === '++' || op === '--') return { k: 'assign', to, op: `${op[0]}=`, value: { k: 'number', value: 1, float: false } };
    if (!/^([-+*/%&|^]|<<|>>)?=$/.test(op)) throw new Error(`expected an assignment, got "${op}"`);
    return { k: 'assign', to, op, value: binary(1) };
  };
  const block = (): Statement[] => {
    want('{');
    const body: Statement[] = [];
    while (!take('}')) if (!take(';')) body.push(statement());
    return body;
  };
  const branches = (): Statement => {
    const test = binary(1);
    const then = block();
    return { k: 'if', test, then, or: take('else') ? (take('if') ? [branches()] : block()) : [] };
  };
  const statement = (): Statement => {
    if (peek() === '{') return { k: 'block', body: block() };
    if (take('if')) return branches();
    if (take('for')) {
      want('(');
      const first = peek() === ';' ? undefined : simple();
      want(';');
      const test = peek() === ';' ? undefined : binary(1);
      want(';');
      const step = peek() === ')' ? undefined : simple();
      want(')');
      return { k: 'loop', first, test, next: step, body: block(), id: ids++ };
    }
    if (take('while')) return { k: 'loop', test: binary(1), body: block(), id: ids++ };
    if (take('loop')) return { k: 'loop', body: block(), id: ids++ };
    if (take('return')) {
      const value = peek() === ';' ? undefined : binary(1);
      want(';');
      return { k: 'return', value };
    }
    if (peek() === 'break' || peek() === 'continue') {
      const k = next() as 'break' | 'continue';
      want(';');
      return { k };
    }
    if (peek() === 'switch') throw new Error('expected no switch: teach test/hardware/wgsl.ts what it means');
    const made = simple();
    want(';');
    return made;
  };

  const made: Module = { consts: new Map(), variables: new Map(), functions: new Map(), aliases: new Map(), structs: new Map() };
  const attributes = (): string | undefined => {
    let builtin: string | undefined;
    while (take('@')) {
      const name = next();
      if (take('(')) {
        const from = at;
        list(')', () => binary(1));
        if (name === 'builtin') builtin = tokens[from].text;
      }
    }
    return builtin;
  };
  const field = () => {
    const builtin = attributes();
    const name = next();
    want(':');
    return { name, type: type(), builtin };
  };
  while (at < tokens.length) {
    attributes();
    if (take(';')) continue;
    if (take('enable') || take('requires') || take('diagnostic')) while (next() !== ';');
    else if (take('alias')) {
      const name = next();
      want('=');
      made.aliases.set(name, type());
    } else if (take('struct')) {
      const name = next();
      want('{');
      made.structs.set(name, list('}', field));
    } else if (take('const')) {
      const name = next();
      if (take(':')) type();
      want('=');
      made.consts.set(name, binary(1));
    } else if (take('var')) {
      want('<');
      const space = next();
      while (next() !== '>');
      const name = next();
      want(':');
      made.variables.set(name, { space, type: type() });
    } else {
      want('fn');
      const name = next();
      want('(');
      const args = list(')', field);
      const returns = take('->') ? type() : undefined;
      made.functions.set(name, { name, args, returns, body: block() });
    }
  }
  return made;
}
