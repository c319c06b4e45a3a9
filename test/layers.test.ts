// The rules that no type checks: imports run downwards only, runtime names stay in the few files that may know them, every
// shader is used, files stay short, and nothing names a path of somebody's machine.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { OPTIONS } from '../src/options/table.ts';
import { flagNames, imports, machinePaths, methodNames, runtimeNames } from './source-text.ts';

/** Who may import whom, beside itself: layers, or files by how their paths begin. A host sees the library's face, not its layers. */
const MAY_IMPORT: Record<string, string[]> = {
  shaders: [],
  random: [],
  size: [],
  version: [],
  formats: [],
  gpus: [],
  words: [],
  tasks: [],
  setting: [],
  config: [],
  gpu: ['shaders', 'setting', 'words'],
  report: ['gpu'],
  ops: ['shaders', 'gpu', 'config', 'formats', 'setting'],
  models: ['gpu', 'ops', 'config'],
  io: ['gpu', 'config', 'formats', 'version', 'setting'],
  data: ['io', 'random', 'tasks', 'setting'],
  eval: ['gpu', 'ops', 'models', 'data', 'report'],
  methods: ['gpu', 'ops', 'models', 'src/io/adapter', 'random', 'report', 'version', 'config', 'setting'],
  options: ['methods', 'size', 'formats', 'gpus', 'tasks'],
  train: [
    ...[
      'gpu',
      'ops',
      'models',
      'methods',
      'io',
      'data',
      'eval',
      'random',
      'report',
      'size',
      'version',
      'config',
      'formats',
      'words',
      'setting',
    ],
  ],
  index: ['gpu', 'methods', 'io', 'data', 'eval', 'options', 'train', 'report'],
  parts: ['index', 'gpu', 'models', 'methods', 'io', 'data', 'eval', 'train'],
  commands: ['parts', 'options', 'methods', 'models', 'config', 'io', 'data', 'report', 'version', 'words', 'gpus', 'tasks'],
  cli: ['options', 'commands', 'report', 'version', 'demo', 'words'],
  web: ['parts', 'options', 'commands', 'report', 'demo', 'formats', 'gpus', 'size', 'words'],
};
/** What some files may import beside that: those that measure and check the engine itself, and what the face does not show. */
const MAY_ALSO: Record<string, string[]> = {
  'src/commands/bench/': ['gpu', 'ops'],
  'src/commands/bench/step.ts': ['src/train/plans.ts', 'eval'],
  'src/commands/doctor/': ['gpu', 'ops', 'random'],
  'src/commands/task.ts': ['src/gpu/autotune.ts'],
};
/** Where a method may be named (in tasks.ts it names a prompt); all else asks what a method is, not which. */
const NAMES_METHODS = [/^src\/tasks\.ts$/, /^src\/(methods|options)\//, /^src\/io\/adapter/, /^web\/protocol\.ts$/];
/** Layers that need no npm package: what a person reads there is all there is. */
const SELF_MADE = ['ops', 'models', 'methods'];
/** Where navigator, Deno, process and node: may be named. */
const KNOWS_RUNTIME = [/^src\/gpu\/device\.ts$/, /^src\/io\/bytes\.ts$/, /^src\/options\/args\.ts$/, /^src\/cli/, /^web\//];
/** Below the hosts: what is said of a setting there is said by its key (setting.ts), since flags are the command line's alone. */
const KNOWS_NO_FLAG = ['gpu', 'ops', 'models', 'methods', 'io', 'data', 'eval', 'train', 'config', 'report', 'words', 'setting'];
const MAX_LINES = 320; // 300 is the aim

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = [...files('src'), ...files('web')].filter((f) => /\.tsx?$/.test(f) && !f.endsWith('.d.ts'));
const edges = sources.flatMap((from) => imports(read(from)).map((i) => ({ from, ...i, to: resolve(from, i.specifier) })));

test('there is something to look at', () => expect(edges.length).toBeGreaterThan(50));

test('every source file belongs to a known layer', () => {
  expect(sources.filter((f) => !(layerOf(f) in MAY_IMPORT))).toEqual([]);
});

test('imports run downwards only', () => {
  const wrong = edges.filter(({ from, to }) => to && layerOf(from) !== layerOf(to) && !mayImport(from, to));
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test('no permission is idle', () => {
  const uses = (may: string, fromHere: (f: string) => boolean) => edges.some((e) => e.to && fromHere(e.from) && isOf(e.to, may));
  const idle = [
    ...Object.entries(MAY_IMPORT).flatMap(([layer, all]) =>
      all.filter((may) => !uses(may, (f) => layerOf(f) === layer)).map((may) => `${layer}: ${may}`),
    ),
    ...Object.entries(MAY_ALSO).flatMap(([files, all]) =>
      all.filter((may) => !uses(may, (f) => f.startsWith(files))).map((may) => `${files}: ${may}`),
    ),
  ];
  // the layers of a run may be used from the run
  expect(idle.filter((one) => !one.startsWith('train: '))).toEqual([]);
});

test('no file imports itself through others, by its types neither', () => {
  const next = new Map(sources.map((f) => [f, edges.filter((e) => e.from === f && e.to).map((e) => e.to!)]));
  expect(cycle(next)).toBeNull();
});

test('what is imported by path exists', () => {
  const missing = edges.filter(({ to }) => to && !existsSync(join(root, to)));
  expect(missing.map(({ from, specifier }) => `${from}: ${specifier}`)).toEqual([]);
});

test('ops, models and methods lean on no package', () => {
  const packages = edges.filter(({ from, to }) => !to && SELF_MADE.includes(layerOf(from)));
  expect(packages.map(({ from, specifier }) => `${from}: ${specifier}`)).toEqual([]);
});

test('runtime names stay in the device, the byte sources and the hosts', () => {
  const found = sources.filter((f) => !KNOWS_RUNTIME.some((allowed) => allowed.test(f)));
  expect(found.flatMap((f) => runtimeNames(read(f)).map((name) => `${f}: ${name}`))).toEqual([]);
});

test('no file below the hosts names a flag, and settings are named by the keys of the options', () => {
  const below = sources.filter((f) => KNOWS_NO_FLAG.includes(layerOf(f)));
  expect(below.flatMap((f) => flagNames(read(f)).map((name) => `${f}: ${name}`))).toEqual([]);
  const named = below.flatMap((f) => [...read(f).matchAll(/\bsetting\('(\w*)'\)/g)].map(([, key]) => key));
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((key) => !(key in OPTIONS))).toEqual([]);
});

test('methods are named where they are made, asked for and saved', () => {
  const found = sources.filter((f) => !NAMES_METHODS.some((allowed) => allowed.test(f)));
  expect(found.flatMap((f) => methodNames(read(f)).map((name) => `${f}: ${name}`))).toEqual([]);
});

test('the page reaches nothing that only the command line has', () => {
  const reached = new Set(sources.filter((f) => f.startsWith('web/')));
  for (const from of reached) for (const e of edges) if (e.from === from && e.to && !e.type) reached.add(e.to);
  expect(reached).toContain('src/options/recipe.ts');
  expect([...reached].filter((f) => /^src\/(cli|options\/args)/.test(f))).toEqual([]);
});

test('every shader is imported', () => {
  const used = new Set(edges.map(({ to }) => to));
  expect(files('shaders').filter((f) => !used.has(f))).toEqual([]);
});

test(`no file is longer than ${MAX_LINES} lines`, () => {
  const all = ['src', 'web', 'shaders', 'test', 'scripts', 'demo'].flatMap(files).filter((f) => /\.(tsx?|wgsl|mjs|py)$/.test(f));
  const lines = (f: string) => read(f).split('\n').length - 1;
  const written = all.filter((f) => !/_pb\.d\.ts$/.test(f)); // the others are made of a schema
  expect(written.filter((f) => lines(f) > MAX_LINES).map((f) => `${f}: ${lines(f)}`)).toEqual([]);
});

test('no path of a machine', () => {
  const top = readdirSync(root).filter((f) => /\.(ts|json|md)$/.test(f));
  const all = [...top, ...['src', 'web', 'shaders', 'test', 'scripts', 'demo'].flatMap(files)].filter((f) =>
    /\.(tsx?|wgsl|mjs|py|json|md|html|css)$/.test(f),
  );
  expect(all.flatMap((f) => machinePaths(read(f)).map((path) => `${f}: ${path}`))).toEqual([]);
});

describe('the checks see what they should', () => {
  test.each([
    [`import { a } from './a.ts';`, './a.ts', false],
    [`import type { A } from "../b.ts";`, '../b.ts', true],
    [`import {\n  a,\n  b,\n} from './c.ts';`, './c.ts', false],
    [`import code from '../../shaders/x.wgsl?raw' with { type: 'text' };`, '../../shaders/x.wgsl?raw', false],
    [`import './side.ts';`, './side.ts', false],
    [`export { a } from './d.ts';`, './d.ts', false],
    [`export * from './e.ts';`, './e.ts', false],
    [`const m = await import('./f.ts');`, './f.ts', false],
  ])('%s', (text, specifier, type) => expect(imports(text)).toEqual([{ specifier, type }]));

  test.each([
    `// import { a } from './a.ts';`,
    `/* import './a.ts' */`,
    `const s = "from './a.ts'";`,
    `const s = \`import './a.ts'\`;`,
  ])('no import: %s', (text) => expect(imports(text)).toEqual([]));

  test.each([
    ['const x = process.env.X;', ['process']],
    ["if ('Deno' in globalThis) {}", ['Deno']],
    ['globalThis.navigator?.gpu', ['navigator']],
    ["import { a } from 'node:fs';", ['node:']],
    ['`$' + '{process.pid}`', ['process']],
    ["it's // process\nfine", []],
    ["'run it in Deno'; const processed = preprocess; // Deno", []],
    ['/* navigator */ subprocess()', []],
  ])('runtime names in %s', (text, names) => expect(runtimeNames(text)).toEqual(names));

  test.each([
    ["'use --base f16'", ['--base']],
    ['`$' + '{a ? "--max-length" : x} --lr`', ['--max-length', '--lr']],
    ["// --lr\n/* --lr */ i--; --depth; 'a -- b'; 'join them by llama-gguf-split --merge'", []],
  ])('flags in %s', (text, names) => expect(flagNames(text).sort()).toEqual(names.sort()));

  test.each([
    ["if (name === 'full') {}", ['full']],
    ['x = { method: "smt" }', ['smt']],
    ['const kind = `lora`;', ['lora']],
    ['`$' + "{a === 'dora'}`", ['dora']],
    ["const asked = 'topk-layers';", ['topk-layers']],
    ["// 'full'\n/* 'smt' */ full(); 'a full model'; x.lora", []],
  ])('methods named in %s', (text, names) => expect(methodNames(text)).toEqual(names));

  test.each([
    ['src/train/step.ts', 'src/methods/method.ts', true],
    ['src/methods/lora.ts', 'src/io/adapter-peft.ts', true],
    ['src/methods/lora.ts', 'src/io/bytes.ts', false],
    ['src/methods/lora.ts', 'src/train/plans.ts', false],
    ['src/commands/plan.ts', 'src/train/plans.ts', false],
    ['src/commands/plan.ts', 'src/gpu/plan.ts', false],
    ['src/commands/doctor/checks.ts', 'src/gpu/plan.ts', true],
    ['src/report.ts', 'src/methods/method.ts', false],
    ['src/new.ts', 'src/size.ts', false],
  ])('%s may import %s: %s', (from, to, may) => expect(mayImport(from, to)).toBe(may));

  test.each([
    [['', 'work', 'x'].join('/'), true],
    [`"${['', 'home', 'me', 'x'].join('/')}"`, true],
    [`= ${['', 'tmp', 'x'].join('/')}`, true],
    ['../work/x', false],
    ['https://example.org/home/x', false],
    ['/usr/bin/chromium', false],
  ])('machine path in %s: %s', (text, found) => expect(machinePaths(text).length > 0).toBe(found));

  test('a cycle is found, a diamond is none', () => {
    expect(cycle(new Map(Object.entries({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] })))).toBeNull();
    expect(cycle(new Map(Object.entries({ a: ['b'], b: ['c'], c: ['b'] })))).toBe('b -> c -> b');
  });

  test.each([
    ['src/gpu/plan.ts', 'gpu'],
    ['src/methods/smt/select.ts', 'methods'],
    ['src/index.ts', 'index'],
    ['src/report.ts', 'report'],
    ['src/models/config.ts', 'config'],
    ['src/models/decoder.ts', 'models'],
    ['src/train/step.ts', 'train'],
    ['src/cli/main.ts', 'cli'],
    ['web/worker.ts', 'web'],
    ['shaders/gemm.wgsl', 'shaders'],
  ])('%s is of %s', (file, layer) => expect(layerOf(file)).toBe(layer));
});

// --- reading ----------------------------------------------------------------------------------------------------------

function files(folder: string): string[] {
  if (!existsSync(join(root, folder))) return [];
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((e) => e.isFile()).map((e) => relative(root, join(e.parentPath, e.name)).split(sep).join('/'));
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The first folder below src, or the name of a file in src itself. web, shaders and the one config are layers of their own. */
function layerOf(file: string): string {
  if (file === 'src/models/config.ts') return 'config';
  const [top, second] = file.split('/');
  return top === 'src' ? second.replace(/\.ts$/, '') : top;
}

/** Whether a file is of a layer, or its path begins so. */
const isOf = (file: string, may: string) => (may.includes('/') ? file.startsWith(may) : layerOf(file) === may);

function mayImport(from: string, to: string): boolean {
  const also = Object.entries(MAY_ALSO).flatMap(([files, all]) => (from.startsWith(files) ? all : []));
  return [...(MAY_IMPORT[layerOf(from)] ?? []), ...also].some((may) => isOf(to, may));
}

/** A relative specifier as a path from the checkout; null for a package, and for a file of one. */
function resolve(from: string, specifier: string): string | null {
  if (!/^\.\.?\//.test(specifier)) return null;
  const path = posix.join(dirname(from), specifier.replace(/\?.*$/, ''));
  return path.startsWith('node_modules/') ? null : path;
}

/** A cycle as text, or null. */
function cycle(next: Map<string, string[]>): string | null {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string | null => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].join(' -> ');
    if (done.has(file)) return null;
    for (const to of next.get(file) ?? []) {
      const found = visit(to, [...path, file]);
      if (found) return found;
    }
    done.add(file);
    return null;
  };
  for (const file of next.keys()) {
    const found = visit(file, []);
    if (found) return found;
  }
  return null;
}
