// One invocation of a kernel, followed through its text over real params: integers are computed, floats and what is loaded stay unknown.
// Of a condition that is not known both branches are followed; of a loop some turns. Accesses to shared memory are written down.

import type { Dispatch } from '../../src/gpu/cost.ts';
import { holdsLoop, isFloat, isFloatType, touches } from './skip.ts';
import { binary, constantOf, layout, resolved, strideOf, type Value } from './values.ts';
import type { Expr, Module, Statement, Type } from './wgsl.ts';

/** Invocations that run in step. */
export const LANES = 32;
/** Turns of a loop that are followed: of one without loops in it, and of others. */
const TURNS = { inner: 5, outer: 2 };

/** One access of the lanes together: where those that take part in it are, and how many bytes each moves. */
export interface Access {
  text: string;
  byLane: Map<number, { at: number; size: number }>;
}

interface Lane {
  m: Module;
  lane: number;
  params: Record<string, Value>;
  scopes: Map<string, { value: Value; float: boolean }>[];
  /** The turns of the loops and the calls that lead here. */
  path: string;
  found: Map<string, Access>;
}

/** Every access to shared memory of the first 32 invocations, by place of the text and turn of every loop. */
export function accesses(m: Module, { kernel, params }: Pick<Dispatch, 'kernel' | 'params'>): Map<string, Access> {
  const found = new Map<string, Access>();
  const shares = [...m.variables.values()].some((v) => v.space === 'workgroup');
  const size = kernel.linked.workgroupSize;
  const fields = kernel.linked.params.filter((f) => f.name !== 'origin');
  const given = Object.fromEntries(fields.map((f, i): [string, Value] => [f.name, f.type === 'f32' ? undefined : params[i]]));
  for (let lane = 0; shares && lane < Math.min(LANES, size[0] * size[1] * size[2]); lane++) {
    const local = [lane % size[0], Math.floor(lane / size[0]) % size[1], Math.floor(lane / size[0] / size[1])];
    const builtins: Record<string, Value> = {
      workgroup_id: [0, 0, 0],
      local_invocation_id: local,
      global_invocation_id: local,
      local_invocation_index: lane,
      subgroup_invocation_id: lane,
      subgroup_size: LANES,
    };
    const main = m.functions.get('main')!;
    const own = new Map(main.args.map((a) => [a.name, { value: builtins[a.builtin ?? ''], float: false }]));
    run({ m, lane, params: { origin: [0, 0, 0], ...given }, scopes: [own], path: '', found }, main.body);
  }
  return found;
}

type End = { k: 'return'; value: Value } | { k: 'break' } | { k: 'continue' } | null;

function run(s: Lane, body: Statement[]): End {
  s.scopes.push(new Map());
  let end: End = null;
  for (const statement of body) if ((end = step(s, statement))) break;
  s.scopes.pop();
  return end;
}

function step(s: Lane, x: Statement): End {
  switch (x.k) {
    case 'declare': {
      const float = x.type ? isFloatType(s.m, x.type) : isFloat(s.m, local(s), x.value!);
      const value =
        x.value && (!float || touches(s.m, x.value)) ? evaluate(s, x.value) : x.type && !float ? zero(s, x.type) : undefined;
      s.scopes.at(-1)!.set(x.name, { value: float ? undefined : copied(value), float });
      return null;
    }
    case 'assign':
      assign(s, x.to, x.op, x.value);
      return null;
    case 'call':
      evaluate(s, x.call);
      return null;
    case 'block':
      return run(s, x.body);
    case 'return':
      return { k: 'return', value: x.value && evaluate(s, x.value) };
    case 'break':
    case 'continue':
      return x;
    case 'if': {
      const test = evaluate(s, x.test);
      if (typeof test === 'boolean') return run(s, test ? x.then : x.or);
      run(s, x.then); // either may be taken: both are followed, and neither ends what follows
      run(s, x.or);
      return null;
    }
    case 'loop':
      return loop(s, x);
  }
}

function loop(s: Lane, x: Extract<Statement, { k: 'loop' }>): End {
  const { path } = s;
  s.scopes.push(new Map());
  if (x.first) step(s, x.first);
  const most = holdsLoop(s.m, x.body) ? TURNS.outer : TURNS.inner;
  let end: End = null;
  for (let turn = 0; turn < most; turn++) {
    s.path = `${path} ${x.id}.${turn}`;
    if (x.test && evaluate(s, x.test) === false) break;
    end = run(s, x.body);
    if (end?.k === 'break' || end?.k === 'return') break;
    if (x.next) step(s, x.next);
  }
  s.path = path;
  s.scopes.pop();
  return end?.k === 'return' ? end : null;
}

function assign(s: Lane, to: Expr, op: string, from: Expr): void {
  const float = isFloat(s.m, local(s), to);
  const value = float && !touches(s.m, from) ? undefined : evaluate(s, from);
  if (float && !touches(s.m, to)) return;
  const before = op === '=' ? undefined : evaluate(s, to);
  const after = op === '=' ? value : binary(op.slice(0, -1), before, value);
  if (to.k === 'name') {
    const variable = lookup(s, to.name);
    if (variable) variable.value = copied(after);
    return;
  }
  if (sharedRoot(s.m, to)) return void evaluate(s, to);
  if (to.k === 'unary') return; // through a pointer: not followed
  const holder = evaluate(s, to.k === 'index' || to.k === 'member' ? to.a : to);
  const place = to.k === 'index' ? evaluate(s, to.at) : to.k === 'member' ? 'xyzw'.indexOf(to.name) : undefined;
  if (Array.isArray(holder) && typeof place === 'number') holder[place] = copied(after);
}

const lookup = (s: Lane, name: string) => {
  for (let i = s.scopes.length - 1; i >= 0; i--) {
    const found = s.scopes[i].get(name);
    if (found) return found;
  }
  return undefined;
};

const local = (s: Lane) => (name: string) => lookup(s, name)?.float;

const copied = (v: Value): Value => (Array.isArray(v) ? v.map(copied) : v);

function zero(s: Lane, type: Type): Value {
  const t = resolved(s.m, type);
  if (t.name === 'array') return Array.from({ length: constantOf(s.m, t.count!) }, () => zero(s, t.of!));
  if (/^vec/.test(t.name)) return new Array(Number(t.name.at(-1))).fill(0);
  return t.name === 'bool' ? false : 0;
}

function evaluate(s: Lane, e: Expr): Value {
  switch (e.k) {
    case 'number':
      return e.float ? undefined : e.value;
    case 'bool':
      return e.value;
    case 'name': {
      const known = lookup(s, e.name);
      if (known) return known.value;
      if (e.name === 'P') return s.params;
      const constant = s.m.consts.get(e.name);
      return constant && evaluate({ ...s, scopes: [] }, constant);
    }
    case 'unary': {
      const a = evaluate(s, e.a);
      if (a === undefined || e.op === '*' || e.op === '&') return undefined;
      if (e.op === '!') return typeof a === 'boolean' ? !a : undefined;
      return typeof a === 'number' ? (e.op === '-' ? -a : ~a >>> 0) : undefined;
    }
    case 'binary': {
      const a = evaluate(s, e.a);
      if (e.op === '&&' && a === false) return false;
      if (e.op === '||' && a === true) return true;
      return binary(e.op, a, evaluate(s, e.b));
    }
    case 'index':
    case 'member': {
      const shared = sharedRoot(s.m, e);
      if (shared) return void record(s, e, shared);
      const holder = evaluate(s, e.a);
      if (e.k === 'index') {
        const at = evaluate(s, e.at);
        return Array.isArray(holder) && typeof at === 'number' ? holder[at] : undefined;
      }
      if (Array.isArray(holder)) {
        const parts = [...e.name].map((c) => holder['xyzw'.indexOf(c)]);
        return parts.length > 1 ? parts : parts[0];
      }
      return holder && typeof holder === 'object' ? holder[e.name] : undefined;
    }
    case 'call':
      return call(s, e);
  }
}

function call(s: Lane, e: Extract<Expr, { k: 'call' }>): Value {
  const args = e.args.map((a) => (isFloat(s.m, local(s), a) && !touches(s.m, a) ? undefined : evaluate(s, a)));
  const fn = s.m.functions.get(e.name);
  if (fn) {
    const own = new Map(fn.args.map((a, i) => [a.name, { value: copied(args[i]), float: isFloatType(s.m, a.type) }]));
    const end = run({ ...s, scopes: [own], path: `${s.path} ${e.id}` }, fn.body);
    return end?.k === 'return' ? end.value : undefined;
  }
  const numbers = args as number[];
  const known = args.every((a) => typeof a === 'number');
  const t = resolved(s.m, e.type);
  if (/^vec/.test(t.name)) {
    const parts = args.flat() as Value[];
    const n = Number(t.name.at(-1));
    return parts.length === 1 ? new Array(n).fill(parts[0]) : parts.length ? parts : new Array(n).fill(0);
  }
  if (e.name === 'min') return known ? Math.min(...numbers) : undefined;
  if (e.name === 'max') return known ? Math.max(...numbers) : undefined;
  if (e.name === 'clamp') return known ? Math.min(Math.max(numbers[0], numbers[1]), numbers[2]) : undefined;
  if (e.name === 'u32') return typeof args[0] === 'boolean' ? Number(args[0]) : args[0];
  if (e.name === 'select') return typeof args[2] === 'boolean' ? args[args[2] ? 1 : 0] : undefined;
  if (t.name === 'array') return args.length ? args : zero(s, e.type);
  return undefined;
}

// --- what is shared -----------------------------------------------------------------------------------------------------

/** The shared variable that an access is of. */
function sharedRoot(m: Module, e: Expr): Type | null {
  let root = e;
  while (root.k === 'index' || root.k === 'member') root = root.a;
  const variable = root.k === 'name' ? m.variables.get(root.name) : undefined;
  return variable?.space === 'workgroup' ? variable.type : null;
}

function record(s: Lane, e: Extract<Expr, { k: 'index' | 'member' }>, type: Type): void {
  const chain: Expr[] = [];
  for (let x: Expr = e; x.k === 'index' || x.k === 'member'; x = x.a) chain.unshift(x);
  let t = resolved(s.m, type);
  let at = 0;
  for (const x of chain) {
    const of = layout(s.m, t.of!);
    const index = x.k === 'index' ? evaluate(s, x.at) : x.k === 'member' ? 'xyzw'.indexOf(x.name[0]) : 0;
    if (typeof index !== 'number')
      throw new Error(`expected an index of shared memory that follows from lanes and params, got ${e.text}`);
    at += index * strideOf(of);
    t = resolved(s.m, t.of!);
  }
  const key = `${e.id}${s.path}`;
  const access = s.found.get(key) ?? { text: e.text, byLane: new Map() };
  s.found.set(key, access);
  access.byLane.set(s.lane, { at, size: layout(s.m, t).size });
}
