/**
 * A template's statements, run with the scopes that Jinja compiles to: a loop's turn, a macro and a block have their own,
 * an if has none. The syntax is read by @huggingface/jinja; what its values mean is Python's. Expressions are expressions.ts.
 */
import { callArguments, child, evaluate, filterCall, type Scope, setName } from './expressions.ts';
import { filter } from './filters.ts';
import { joined, step } from './limits.ts';
import { GENERATION } from './parse.ts';
import {
  type Callable,
  isCallable,
  isNamespace,
  isUndefined,
  iterate,
  type Kw,
  missing,
  str,
  truth,
  typeName,
  type Value,
} from './values.ts';

/** Where text goes; opens and closes: a generation block does. */
export interface Writer {
  write(text: string): void;
  generation?(opens: boolean): void;
}

type Left = 'break' | 'continue' | null;

/** Runs statements; answers what leaves the loop around them. */
export function run(body: readonly any[], scope: Scope, to: Writer): Left {
  for (const node of body) {
    const left = statement(node, scope, to);
    if (left) return left;
  }
  return null;
}

/** Text that statements write. */
function textOf(body: readonly any[], scope: Scope): string {
  const parts: string[] = [];
  run(body, scope, { write: (text) => parts.push(text) });
  return joined(parts, '');
}

function statement(node: any, scope: Scope, to: Writer): Left {
  step(scope.budget);
  switch (node.type) {
    case 'Set':
      if (node.assignee.value === GENERATION.open || node.assignee.value === GENERATION.close)
        to.generation?.(node.assignee.value === GENERATION.open);
      else set(node, scope);
      return null;
    case 'If':
      return run(truth(evaluate(node.test, scope)) ? node.body : node.alternate, scope, to);
    case 'For':
      loop(node, scope, to);
      return null;
    case 'Macro':
      setName(scope, node.name.value, macro(node.name.value, node.args, node.body, scope));
      return null;
    case 'CallStatement':
      to.write(called(node, scope));
      return null;
    case 'FilterStatement': {
      const { name, args, kw } = filterCall(node.filter, scope);
      to.write(str(filter(name, textOf(node.body, child(scope)), args, kw)));
      return null;
    }
    case 'Break':
      return 'break';
    case 'Continue':
      return 'continue';
    case 'Comment':
      return null;
    default:
      to.write(node.type === 'StringLiteral' ? node.value : str(evaluate(node, scope)));
      return null;
  }
}

function set({ assignee, value, body }: any, scope: Scope): void {
  assign(assignee, value ? evaluate(value, scope) : textOf(body, child(scope)), scope);
}

function assign(target: any, value: Value, scope: Scope): void {
  if (target.type === 'Identifier') setName(scope, target.value, value);
  else if (target.type === 'TupleLiteral') {
    const values = iterate(value);
    if (values.length !== target.value.length)
      throw new Error(
        values.length < target.value.length
          ? `not enough values to unpack (expected ${target.value.length}, got ${values.length})`
          : `too many values to unpack (expected ${target.value.length})`,
      );
    target.value.forEach((one: any, i: number) => assign(one, values[i], scope));
  } else if (target.type === 'MemberExpression' && !target.computed) {
    const object = evaluate(target.object, scope);
    if (!isNamespace(object)) throw new Error('cannot assign attribute on non-namespace object');
    const name = target.property.value;
    if (name.startsWith('_'))
      throw new Error(`Chat templates cannot store underscore-prefixed attributes on a namespace, but got '${name}'`);
    object.namespace.set(name, value);
  } else throw new Error('expected a name to set, got another expression');
}

function loop(node: any, scope: Scope, to: Writer): void {
  const select = node.iterable.type === 'SelectExpression' ? node.iterable : undefined;
  const all = iterate(evaluate(select ? select.lhs : node.iterable, scope));
  const turn = (item: Value) => {
    step(scope.budget);
    const inner = child(scope);
    assign(node.loopvar, item, inner);
    return inner;
  };
  const items = select ? all.filter((item) => truth(evaluate(select.test, turn(item)))) : all;
  if (items.length === 0) {
    run(node.defaultBlock, child(scope), to);
    return;
  }
  const depth = BigInt((scope.depth ?? 0) + 1);
  let changed: Value[] | undefined;
  const [cycle, changes]: Callable[] = [
    { call: (args) => args[at % args.length] },
    {
      call: (args) => {
        const same = changed !== undefined && JSON.stringify(args.map(str)) === JSON.stringify(changed.map(str));
        changed = args;
        return !same;
      },
    },
  ];
  let at = 0;
  for (; at < items.length; at++) {
    const inner = turn(items[at]);
    inner.depth = Number(depth);
    const n = BigInt(items.length);
    const i = BigInt(at);
    const about: [string, Value][] = [
      ['index', i + 1n],
      ['index0', i],
      ['revindex', n - i],
      ['revindex0', n - i - 1n],
      ['first', at === 0],
      ['last', at === items.length - 1],
      ['length', n],
      ['depth', depth],
      ['depth0', depth - 1n],
      ['previtem', at > 0 ? items[at - 1] : missing('there is no previous item')],
      ['nextitem', at + 1 < items.length ? items[at + 1] : missing('there is no next item')],
      ['cycle', cycle],
      ['changed', changes],
    ];
    setName(inner, 'loop', { namespace: new Map(about) }); // by name, as a namespace has them
    if (run(node.body, inner, to) === 'break') break;
  }
}

/** A macro: its own parameters and what is in sight where it stands, not where it is called. */
function macro(name: string, parameters: any[], body: any[], scope: Scope): Callable {
  const source = JSON.stringify(body);
  const takes = (what: string) => source.includes(`"type":"Identifier","value":"${what}"`);
  const names = parameters.map((p) => (p.type === 'KeywordArgumentExpression' ? p.key.value : p.value));
  return {
    name,
    call(args, kw) {
      const inner = child(scope);
      const rest: Kw = new Map(kw);
      const caller = rest.get('caller');
      rest.delete('caller');
      if (caller !== undefined) setName(inner, 'caller', caller);
      parameters.forEach((p, i) => {
        let value = i < args.length ? args[i] : rest.get(names[i]);
        if (value === undefined)
          value =
            p.type === 'KeywordArgumentExpression'
              ? evaluate(p.value, inner)
              : missing(`parameter '${names[i]}' was not provided`);
        rest.delete(names[i]);
        setName(inner, names[i], value);
      });
      if (takes('varargs')) setName(inner, 'varargs', { tuple: args.slice(names.length) });
      else if (args.length > names.length) throw new Error(`macro '${name}' takes not more than ${names.length} argument(s)`);
      if (takes('kwargs')) setName(inner, 'kwargs', new Map(rest));
      else if (rest.size > 0) throw new Error(`macro '${name}' takes no keyword argument '${[...rest.keys()][0]}'`);
      return textOf(body, inner);
    },
  };
}

function called(node: any, scope: Scope): string {
  const caller = macro('caller', node.callerArgs ?? [], node.body, scope);
  const { args, kw } = callArguments(node.call.args, scope);
  const callee = evaluate(node.call.callee, scope);
  if (isUndefined(callee)) throw new Error(callee.undefined);
  if (!isCallable(callee)) throw new Error(`'${typeName(callee)}' object is not callable`);
  return str(callee.call(args, new Map([...kw, ['caller', caller as Value]])));
}
