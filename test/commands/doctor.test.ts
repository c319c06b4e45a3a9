// The self-test on this device: every kernel right, and a wrong one found.
import { expect, test } from 'vitest';
import { type Check, checks } from '../../src/commands/doctor/checks.ts';
import { doctor } from '../../src/commands/doctor/doctor.ts';
import { copy } from '../../src/gpu/program.ts';
import { resident } from '../../src/gpu/tensor.ts';
import type { Line } from '../../src/report.ts';
import { testGpu } from '../gpu/harness.ts';

async function run(list?: Check[]) {
  const gpu = await testGpu();
  const lines: Line[] = [];
  const before = gpu.memory.bytes;
  const sound = await doctor(gpu, (l) => lines.push(l), list);
  expect(gpu.memory.bytes).toBe(before);
  return { sound, lines, checked: lines.filter((l) => l.kind === 'check') };
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

test('every kernel is right on this device', async () => {
  const { sound, checked, lines } = await run();
  expect(checked.filter((c) => !c.ok)).toEqual([]);
  expect(sound).toBe(true);
  expect(checked.map((c) => c.name)).toEqual(checks().map((c) => c.name));
  for (const c of checked) if (!c.detail) expect(c.error).toBeLessThanOrEqual(1);
  expect(checked.filter((c) => !c.detail).length).toBeGreaterThan(20);
  expect(lines[0]).toMatchObject({ kind: 'device', name: (await testGpu()).name });
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
])('%s is found, and the others are still tried', async (_, wrong, error) => {
  const { sound, checked } = await run([copies('before', [1], [1]), wrong, copies('after', [1], [1])]);
  expect(sound).toBe(false);
  expect(checked.map((c) => [c.name, c.ok])).toEqual([
    ['before', true],
    ['wrong', false],
    ['after', true],
  ]);
  expect(checked[1].error).toBe(error);
});

test('a value at its bound is right', async () => {
  expect((await run([copies('edge', [3.5], [3], 0.5)])).sound).toBe(true);
});

test('what a device lacks is told and fails nothing', async () => {
  const lacking: Check = { ...copies('absent', [1], [2]), lacks: () => 'it wants more lanes' };
  const { sound, checked } = await run([lacking]);
  expect(sound).toBe(true);
  expect(checked[0]).toMatchObject({ ok: true, error: null, detail: 'not used here: it wants more lanes' });
});
