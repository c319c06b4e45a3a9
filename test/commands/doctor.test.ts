// The self-test on this device: every kernel right, in every form; each of its dispatches looked at; a wrong one found.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Check } from '../../src/commands/doctor/check.ts';
import { checks } from '../../src/commands/doctor/checks.ts';
import { askHalf, doctor } from '../../src/commands/doctor/doctor.ts';
import { examine } from '../../src/commands/doctor/examine.ts';
import { halfChecks } from '../../src/commands/doctor/products.ts';
import { idle } from '../../src/gpu/device.ts';
import { type Planning, planningOf } from '../../src/gpu/limits.ts';
import { operandsOf, plan } from '../../src/gpu/plan.ts';
import { copy, type Dims, trace } from '../../src/gpu/program.ts';
import { dispose, type Machine, prepare, replay } from '../../src/gpu/run.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { TILES } from '../../src/ops/matmul/gemm-tiles.ts';
import { STORED } from '../../src/ops/stored/formats.ts';
import type { Line } from '../../src/report.ts';
import { testGpu } from '../gpu/harness.ts';

/** Every kernel that was linked while something was traced: its name and parts. */
const linked = vi.hoisted(() => [] as { name: string; parts: readonly string[] }[]);
vi.mock(import('../../src/gpu/program.ts'), async (original) => {
  const real = await original();
  const kernel: typeof real.kernel = (name, parts, consts) => {
    linked.push({ name, parts });
    return real.kernel(name, parts, consts);
  };
  return { ...real, kernel };
});

async function run(list?: Check[]) {
  const gpu = await testGpu();
  const lines: Line[] = [];
  const before = gpu.memory.bytes;
  const wrong = await doctor(gpu, (l) => lines.push(l), list);
  expect(gpu.memory.bytes).toBe(before);
  return { wrong, lines, checked: lines.filter((l) => l.kind === 'check') };
}

/** Copies some numbers; `want` and the bound say what should come out. */
const copies = (name: string, numbers: number[], want: number[], bound = 1e-6): Check => ({
  name,
  make() {
    const [from, to] = ['from', 'to'].map((n) => resident(n, [numbers.length], 'other'));
    return {
      inputs: [[from, Float32Array.from(numbers)]],
      build: (p) => {
        copy(p, from, to);
        return [to];
      },
      want: [{ values: Float64Array.from(want), bound: () => bound }],
    };
  },
});

const notes = (lines: Line[]) => lines.flatMap((l) => (l.kind === 'note' ? [l.text] : []));

test('every kernel is right on this device', async () => {
  const { wrong, checked, lines } = await run();
  expect(wrong).toEqual([]);
  expect(checked.map((c) => c.name)).toEqual(checks().map((c) => c.name));
  expect(new Set(checked.map((c) => c.name)).size).toBe(checked.length);
  for (const c of checked) {
    if (c.state === 'lacking') expect(c).toMatchObject({ ok: true, error: null });
    else expect(c.error).toBeLessThanOrEqual(1);
  }
  const right = checked.filter((c) => c.state === 'right').length;
  expect(right).toBeGreaterThan(150);
  expect(notes(lines).at(-1)).toBe(`kernels   ${right} right, 0 wrong, ${checked.length - right} not on this adapter`);
});

test('the adapter is told: its name, limits and features', async () => {
  const gpu = await testGpu();
  const { lines } = await run([]);
  expect(lines[0]).toMatchObject({ kind: 'device', name: gpu.name, software: gpu.software });
  const told = notes(lines).join('\n');
  const features = notes(lines).find((text) => text.startsWith('features'))!;
  for (const name of gpu.features) expect(features).toContain(name);
  const { maxComputeInvocationsPerWorkgroup, maxStorageBuffersPerShaderStage } = gpu.device.limits;
  expect(told).toContain(`${maxStorageBuffersPerShaderStage} a kernel`);
  expect(told).toContain(`${maxComputeInvocationsPerWorkgroup} invocations`);
  expect(told).toMatch(/at most [\d.]+ [MG]iB each, [\d.]+ [MG]iB a binding/);
});

// --- nothing is left out ------------------------------------------------------------------------------------------------

/** What every form of every check links, on a device that has everything. */
function linkedByChecks() {
  linked.length = 0;
  for (const software of [true, false]) {
    const all: Planning = { maxBinding: 1 << 27, maxBuffer: 1 << 28, software, subgroups: 8, half: true, choices: {} };
    for (const check of checks()) {
      const planning = check.planning?.(all) ?? planningOf(all, { half: false });
      if (software) expect(check.lacks?.(all)).toBeUndefined();
      else if (check.lacks?.(all)) continue; // for software adapters alone
      const { dims, build } = check.make(planning);
      trace(check.name, build, dims ?? {}, planning);
    }
  }
  return linked.slice();
}

/** Not run by any program: they measure. */
const MEASURE = ['peak.wgsl', 'bandwidth.wgsl', 'plain_read.wgsl'];

test('every shader is part of a check', () => {
  const text = new Set(linkedByChecks().flatMap(({ parts }) => parts.flatMap((part) => [part, ...part.split(/\n(?=\/\/ )/)])));
  const all = [...text].join('\n');
  const shaders = readdirSync('shaders').filter((f) => f.endsWith('.wgsl') && !MEASURE.includes(f));
  expect(shaders.length).toBeGreaterThan(70);
  expect(shaders.filter((f) => !all.includes(readFileSync(join('shaders', f), 'utf8').trim()))).toEqual([]);
});

test('every kernel that src/ops names is part of a check', () => {
  const names = new Set(linkedByChecks().map(({ name }) => name));
  const sources = readdirSync('src/ops', { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
  const said = sources.flatMap((f) =>
    [...readFileSync(join('src/ops', f), 'utf8').matchAll(/\b(?:kernel\(|reducing\(p, )'(\w+)'/g)].map((m) => m[1]),
  );
  expect(new Set(said).size).toBeGreaterThan(25);
  expect(said.filter((name) => !names.has(name))).toEqual([]);
});

test('every kernel is checked in both widths of its rows, and in every stored format', () => {
  const widths = new Map<string, Set<number>>();
  const formats = new Map<string, Set<string>>();
  const [one, four] = ['lanes1', 'lanes4'].map((f) => readFileSync(`shaders/${f}.wgsl`, 'utf8'));
  for (const { name, parts } of linkedByChecks()) {
    // what is put together from several parts counts by them: a term, say, or where a sum begins
    const rest = parts.filter((part) => part !== one && part !== four && !formatOf(part));
    // the products over blocks are written twice, once for each width
    const ofBlocks = name.match(/^(blocks_[a-z]+)8?$/)?.[1];
    const key = ofBlocks ?? `${name.replace(/_(f32|[fb]+16|q\d_\w)$/, '')} ${rest.map((part) => part.slice(0, 40)).join(' ')}`;
    if (parts.includes(one)) into(widths, key, 1);
    if (parts.includes(four)) into(widths, key, 4);
    for (const part of parts) if (formatOf(part)) into(formats, parts.includes(one) ? `${key} by 1` : key, formatOf(part)!);
  }
  expect(widths.size).toBeGreaterThan(15);
  // panels of the head are whole tiles, which lie four by four
  const narrow = [...widths].filter(([key, per]) => per.size < 2 && !key.startsWith('head_panel'));
  expect(narrow.map(([key]) => key)).toEqual([]);
  const every = Object.keys(STORED);
  const unblocked = Object.entries(STORED).flatMap(([format, { block }]) => (block === 1 ? [format] : []));
  expect(formats.size).toBeGreaterThanOrEqual(4);
  for (const [key, have] of formats) {
    // rows that are read one value at a time are rows of any length, which no blocks make up
    const want = /^gemv_plain| by 1$/.test(key) ? unblocked : every;
    // f32 is packed, and read by tiles, as any matrix is
    expect([key, want.filter((f) => !have.has(f) && !(f === 'f32' && key.startsWith('gemm_')))]).toEqual([key, []]);
  }
});

const formatOf = (part: string) => Object.entries(STORED).find(([, stored]) => stored.part === part)?.[0];

function into<K, V>(map: Map<K, Set<V>>, key: K, value: V): void {
  map.set(key, (map.get(key) ?? new Set()).add(value));
}

// --- nothing is made twice ----------------------------------------------------------------------------------------------

/** Bytes of machine code that llvmpipe has made: mapped as nothing else in Deno is, to be run and not written. */
function machineCode(): number {
  const mapped = readFileSync('/proc/self/maps', 'utf8').matchAll(/^(\w+)-(\w+) r-xp 0+ 00:00 0 *$/gm);
  return [...mapped].reduce((sum, [, from, to]) => sum + Number.parseInt(to, 16) - Number.parseInt(from, 16), 0);
}

// Mesa 22.3's llvmpipe puts params as constants into branches and bounds of loops that hang on nothing else. Where what comes of it is longer,
// it does so anew each time that a kernel is bound, and keeps every kernel it made: a run then takes more and more memory.
test.runIf('Deno' in globalThis && existsSync('/proc/self/maps'))(
  'no kernel of a software adapter is made anew when it is run again (Deno on Linux)',
  async () => {
    const gpu = await testGpu();
    const has = planningOf(gpu.limits);
    const machines: { name: string; dims: Dims; machine: Machine }[] = [];
    for (const check of checks().filter((c) => !c.lacks?.(has))) {
      const planning = check.planning?.(has) ?? has;
      const { name } = check;
      if (!planning.software || /^gemm_(tile|half)/.test(name)) continue; // what GPUs run
      const { build, dims = {} } = check.make(planning);
      machines.push({ name, dims, machine: await prepare(gpu, plan([{ name, build, dims }], planning)) });
    }
    expect(machines.length).toBeGreaterThan(150);
    const runAgain = async (which: typeof machines) => {
      for (const { name, dims, machine } of which) replay(machine, name, dims);
      await idle(gpu);
    };
    await runAgain(machines);
    await runAgain(machines); // it may decide at the second time
    const before = machineCode();
    expect(before).toBeGreaterThan(0);
    await runAgain(machines);
    const anew: string[] = [];
    if (machineCode() > before)
      for (const one of machines) {
        const before = machineCode();
        await runAgain([one]);
        if (machineCode() > before) anew.push(one.name);
      }
    expect(anew).toEqual([]);
    for (const { machine } of machines) dispose(machine);
  },
);

// --- what is wrong is found ---------------------------------------------------------------------------------------------

test('a dispatch that does nothing is found, in every check and form', async () => {
  const gpu = await testGpu();
  const has = planningOf(gpu.limits, { half: gpu.features.has('shader-f16') });
  const missed: string[] = [];
  for (const check of checks().filter((c) => !c.lacks?.(has))) {
    let count = 1;
    let once: ReturnType<Check['make']> | undefined; // inputs, and what f64 makes of them
    for (let left = 0; left < count; left++) {
      let name = '';
      const maimed: Check = {
        ...check,
        make(l) {
          const made = (once ??= check.make(l));
          const build: typeof made.build = (p) => {
            const outs = made.build(p);
            const runs = p.entries.filter((e) => e.op === 'run');
            count = runs.length;
            name = runs[left].kernel.name;
            runs[left].grid = [0, 1, 1];
            // its slot may hold what it would have written, from a tensor before that was the same
            const at = p.entries.indexOf(runs[left]);
            const before = new Set(p.entries.slice(0, at).flatMap(operandsOf));
            const fresh = at ? runs[left].bind.filter((t) => !t.home && !before.has(t)) : [];
            p.entries.splice(at, 0, ...fresh.map((to) => ({ op: 'clear' as const, to })));
            return outs;
          };
          return { ...made, build };
        },
      };
      if ((await examine(gpu, maimed, has)).state !== 'wrong') missed.push(`${check.name}: ${name}, dispatch ${left}`);
    }
  }
  // a step that is skipped must leave everything as it is, which an update not run does too
  expect(missed).toEqual(['adamw of a step to skip: adamw, dispatch 5']);
});

test.each<[string, Check, number | null]>([
  ['a value beyond its bound', copies('wrong', [1, 2, 3], [1, 2, 3.5], 0.25), 2],
  ['a value that is no number', copies('wrong', [1, Number.NaN], [1, 2]), Number.POSITIVE_INFINITY],
  [
    'a kernel that throws',
    {
      name: 'wrong',
      make: () => {
        throw new Error('does not compile');
      },
    },
    null,
  ],
])('%s is found, and the others are still tried', async (_, bad, error) => {
  const { wrong, checked, lines } = await run([copies('before', [1], [1]), bad, copies('after', [1], [1])]);
  expect(wrong).toEqual(['wrong']);
  expect(checked.map((c) => [c.name, c.ok, c.state])).toEqual([
    ['before', true, 'right'],
    ['wrong', false, 'wrong'],
    ['after', true, 'right'],
  ]);
  expect(checked[1].error).toBe(error);
  expect(notes(lines).at(-1)).toBe('kernels   2 right, 1 wrong, 0 not on this adapter');
});

test('a value at its bound is right', async () => {
  expect((await run([copies('edge', [3.5], [3], 0.5)])).wrong).toEqual([]);
});

test('what a device lacks is told, counts apart and fails nothing', async () => {
  const lacking: Check = { ...copies('absent', [1], [2]), lacks: () => 'it wants more lanes' };
  const { wrong, checked, lines } = await run([lacking, copies('there', [1], [1])]);
  expect(wrong).toEqual([]);
  expect(checked[0]).toMatchObject({
    ok: true,
    state: 'lacking',
    error: null,
    detail: 'not on this adapter: it wants more lanes',
  });
  expect(notes(lines).at(-1)).toBe('kernels   1 right, 0 wrong, 1 not on this adapter');
});

test('forms that want more than an adapter has are lacking there, and only those', async () => {
  const bare: Planning = { maxBinding: 1 << 27, maxBuffer: 1 << 28, software: true, subgroups: 4, half: false, choices: {} };
  const lacking = checks().filter((c) => c.lacks?.(bare));
  const words = (c: Check) => `${c.name} ${c.lacks!(bare)}`;
  for (const c of lacking) expect(words(c)).toMatch(/packed8.*subgroups of 8|subgroup of 8.*subgroups of 8|half.*shader-f16/);
  expect(lacking.length).toBe(checks().filter((c) => /packed8|subgroup of 8|half/.test(c.name)).length);
});

test('half precision that fails its self-test is not to be used', async () => {
  const gpu = await testGpu();
  const lines: Line[] = [];
  const { pipelines } = gpu;
  expect(halfChecks().length).toBe(3 * TILES.length);
  gpu.pipelines = new Map();
  gpu.features.add('shader-f16');
  try {
    vi.spyOn(gpu.device, 'createShaderModule').mockImplementation(() => {
      throw new Error('no such arithmetic');
    });
    expect(await askHalf(gpu, (l) => lines.push(l))).toBe(false);
    expect(lines).toMatchObject([{ kind: 'warning', text: expect.stringContaining('no such arithmetic') }]);
  } finally {
    vi.restoreAllMocks();
    gpu.pipelines = pipelines;
  }
});
