// The linker: joins WGSL parts into one module and reads its signature off the text.
// It is not a template engine and not a WGSL parser: every part is WGSL as it stands, and the linker only
//   hoists `enable`, `requires` and `diagnostic` lines, renumbers bindings in order of appearance,
//   puts given values into module constants, and
//   expands the loops marked `// @unroll` (unroll.ts).

import { closing, constant, type Env, isUnsigned, lineAt, MARK, unroll } from './unroll.ts';

export type ParamType = 'u32' | 'i32' | 'f32' | 'vec3u';
export type Binding = { name: string; kind: 'read' | 'read_write' | 'uniform'; binding: number; type: string };
export type Param = { name: string; type: ParamType; offset: number };
export type Consts = Record<string, number | boolean>;

export type Linked = {
  code: string;
  entry: 'main';
  workgroupSize: [number, number, number];
  bindings: Binding[];
  params: Param[];
  /** Bytes of the uniform buffer behind `P`, a multiple of 16. */
  paramsSize: number;
};

/** Joins parts to one module with entry `main`; consts: values for module constants. Throws on what it cannot read. */
export function link(parts: string[], consts: Consts = {}): Linked {
  const { directives, body } = hoistDirectives(stripComments(parts.join('\n')));
  const valued = setConsts(body, consts);
  const env = readConsts(valued);
  const { text, bindings } = renumber(unroll(valued, env));
  return {
    code: `${[...directives, text.replace(/\n\s*\n+/g, '\n').trim()].join('\n')}\n`,
    entry: 'main',
    workgroupSize: readWorkgroupSize(text, env),
    bindings,
    ...readParams(text),
  };
}

/** Removes comments but for the unroll marks, keeping line breaks: later steps may then take every character for code. */
function stripComments(source: string): string {
  let out = '';
  let at = 0;
  while (at < source.length) {
    const next = source.slice(at).search(/\/\/|\/\*/);
    if (next < 0) return out + source.slice(at);
    out += source.slice(at, at + next);
    at += next;
    if (source[at + 1] === '/') {
      const end = source.indexOf('\n', at) < 0 ? source.length : source.indexOf('\n', at);
      if (/^\/\/\s*@unroll\b/.test(source.slice(at, end))) out += MARK;
      at = end;
    } else {
      const end = endOfBlockComment(source, at);
      out += source.slice(at, end).replace(/[^\n]+/g, ' ');
      at = end;
    }
  }
  return out;
}

/** Index after the block comment that opens at `at`; WGSL's block comments nest. */
function endOfBlockComment(source: string, at: number): number {
  let depth = 0;
  for (let i = at; i < source.length; i++) {
    const two = source.slice(i, i + 2);
    if (two === '/*') depth++;
    else if (two === '*/') depth--;
    else continue;
    i++;
    if (depth === 0) return i + 1;
  }
  throw new Error(`expected */ to close the comment, got the end of the text after "${lineAt(source, at)}": close it`);
}

function hoistDirectives(source: string): { directives: string[]; body: string } {
  const directives = new Set<string>();
  const body = source.replace(/^[ \t]*((?:enable|requires|diagnostic)\b[^;]*;)/gm, (_, line: string) => {
    directives.add(line.replace(/\s+/g, ' '));
    return '';
  });
  return { directives: [...directives], body };
}

type ConstDeclaration = { name: string; type: string; init: string; start: number; end: number };

/** The `const` declarations outside all functions. */
function moduleConsts(text: string): ConstDeclaration[] {
  const found: ConstDeclaration[] = [];
  let depth = 0;
  for (const m of text.matchAll(/[{}]|\bconst\s+(\w+)\s*(?::\s*([\w<>, ]+?))?\s*=\s*([^;]+);/g)) {
    if (m[0] === '{') depth++;
    else if (m[0] === '}') depth--;
    else if (depth === 0)
      found.push({ name: m[1], type: m[2] ?? '', init: m[3].trim(), start: m.index, end: m.index + m[0].length });
  }
  return found;
}

function setConsts(text: string, consts: Consts): string {
  const declared = moduleConsts(text);
  for (const name of Object.keys(consts)) {
    const count = declared.filter((d) => d.name === name).length;
    if (count !== 1) {
      const known = declared.map((d) => d.name).join(', ') || 'none';
      throw new Error(`expected one module constant "${name}" to set, got ${count}: the parts declare ${known}`);
    }
  }
  for (const d of declared.reverse()) {
    if (!(d.name in consts)) continue;
    const value = constLiteral(d, consts[d.name]);
    text = `${text.slice(0, d.start)}const ${d.name}${d.type && `: ${d.type}`} = ${value};${text.slice(d.end)}`;
  }
  return text;
}

/** The value in WGSL, of the same type as what it replaces. */
function constLiteral({ name, type, init }: ConstDeclaration, value: number | boolean): string {
  if (typeof value === 'boolean') return String(value);
  if (!Number.isFinite(value)) throw new Error(`expected a finite value for constant "${name}", got ${value}: pass a number`);
  const float = type === 'f32' || type === 'f16' || /^[\d.]+(e[+-]?\d+)?[fh]$|^[\d]*\.[\d]*/.test(init);
  if (float) return Number.isInteger(value) ? `${value}.0` : String(value);
  if (!Number.isInteger(value)) throw new Error(`expected an integer for constant "${name}", got ${value}: pass an integer`);
  return `${value}${!type && isUnsigned(init) ? 'u' : ''}`;
}

/** Values of the integer module constants; others (floats, vectors) stay WGSL's own business. */
function readConsts(text: string): Env {
  const env: Env = new Map();
  let open = moduleConsts(text);
  for (let before = -1; open.length !== before; ) {
    before = open.length;
    open = open.filter((d) => {
      const value = constant(d.init, env);
      if (value === undefined) return true;
      env.set(d.name, { value, unsigned: d.type === 'u32' || isUnsigned(d.init, env) });
      return false;
    });
  }
  return env;
}

const BINDING = /@group\((\w+)\)\s*@binding\((\w+)\)\s*var<\s*(\w+)\s*(?:,\s*(\w+)\s*)?>\s*(\w+)\s*:\s*([^;]+?)\s*;/g;

/** Numbers the bindings 0, 1, ... in order of appearance; one that no function mentions is dropped. */
function renumber(text: string): { text: string; bindings: Binding[] } {
  const bindings: Binding[] = [];
  const out = text.replace(
    BINDING,
    (line, group: string, _k, space: string, access: string | undefined, name: string, type: string) => {
      if (group !== '0') throw new Error(`expected @group(0), got "${line}": all bindings of a kernel are in group 0`);
      if (bindings.some((b) => b.name === name))
        throw new Error(`expected one binding "${name}", got two: rename one, or link one part less`);
      if ([...text.matchAll(new RegExp(`(?<![.\\w])${name}(?!\\w)`, 'g'))].length < 2) return '';
      const kind = space === 'uniform' ? 'uniform' : access === 'read_write' ? 'read_write' : 'read';
      bindings.push({ name, kind, binding: bindings.length, type });
      const address = space === 'uniform' ? 'uniform' : `storage, ${kind}`;
      return `@group(0) @binding(${bindings.length - 1}) var<${address}> ${name}: ${type};`;
    },
  );
  const odd = out.replace(BINDING, '').match(/^.*@binding.*$/m);
  if (odd) throw new Error(`expected "@group(0) @binding(k) var<...> name: type;", got "${odd[0].trim()}": write it so`);
  return { text: out, bindings };
}

function readWorkgroupSize(text: string, env: Env): [number, number, number] {
  const entries = [...text.matchAll(/@compute\b/g)].length;
  if (entries !== 1 || !/\bfn\s+main\s*\(/.test(text)) {
    throw new Error(`expected one entry point "@compute ... fn main(", got ${entries}: link exactly one part that has it`);
  }
  const at = text.indexOf('@workgroup_size');
  const list = at < 0 ? '' : text.slice(text.indexOf('(', at) + 1, closing(text, text.indexOf('(', at), '(', ')') - 1);
  const sizes = list
    .split(',')
    .filter((s) => s.trim())
    .map((s) => constant(s, env) ?? 0);
  if (sizes.length < 1 || sizes.length > 3 || sizes.some((s) => s < 1)) {
    throw new Error(`expected @workgroup_size of one to three constants, got "${list}": use literals or module constants`);
  }
  return [sizes[0], sizes[1] ?? 1, sizes[2] ?? 1];
}

/** `struct Params`: origin, then scalars; a vec3u is 12 bytes aligned to 16, so that the first scalar sits at 12. */
function readParams(text: string): { params: Param[]; paramsSize: number } {
  const structs = [...text.matchAll(/\bstruct\s+Params\s*\{([^}]*)\}/g)];
  if (structs.length !== 1 || !/var<uniform>\s*P\s*:\s*Params\s*;/.test(text)) {
    throw new Error(
      `expected one "struct Params" bound and used as "var<uniform> P: Params", got ${structs.length}: add or remove one`,
    );
  }
  const params: Param[] = [];
  let size = 0;
  for (const field of structs[0][1]
    .split(',')
    .map((f) => f.trim())
    .filter(Boolean)) {
    const [, name, type] = field.match(/^(\w+)\s*:\s*(u32|i32|f32|vec3u)$/) ?? [];
    if (!name)
      throw new Error(`expected "name: u32", i32, f32 or vec3u in struct Params, got "${field}": other types are not laid out`);
    const offset = type === 'vec3u' ? Math.ceil(size / 16) * 16 : size;
    params.push({ name, type: type as ParamType, offset });
    size = offset + (type === 'vec3u' ? 12 : 4);
  }
  if (params[0]?.name !== 'origin' || params[0].type !== 'vec3u') {
    throw new Error(
      `expected "origin: vec3u" first in struct Params, got "${structs[0][1].trim().split('\n')[0]}": a dispatch is cut by it`,
    );
  }
  return { params, paramsSize: Math.ceil(size / 16) * 16 };
}
