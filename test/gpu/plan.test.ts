// Memory plans: temporaries that live at one time never share a slot, and every byte is counted once. No GPU.
import { describe, expect, test } from 'vitest';
import { STAMP } from '../../src/gpu/arrive.ts';
import { planningOf } from '../../src/gpu/limits.ts';
import { homesOf, operandsOf, plan, RECORD, RING, SPARE } from '../../src/gpu/plan.ts';
import { type Build, clear, copy, kernel, type Program, run, temp } from '../../src/gpu/program.ts';
import { ROLES, resident, type Tensor } from '../../src/gpu/tensor.ts';

const planning = planningOf({ maxBinding: 1 << 27, maxBuffer: 1 << 28, software: false, subgroups: 0 });
type Asked = Parameters<typeof plan>[0];
const code = (reads: number) => `
struct Params { origin: vec3u, n: u32 }
@group(0) @binding(0) var<uniform> P: Params;
${Array.from({ length: reads }, (_, i) => `@group(0) @binding(0) var<storage, read> x${i}: array<f32>;`).join('\n')}
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main(@builtin(global_invocation_id) id: vec3u) { y[P.n] = 0.0${Array.from({ length: reads }, (_, i) => ` + x${i}[id.x]`).join('')}; }`;

/** y = f(xs): one dispatch. */
function op(p: Program, xs: Tensor[], y: Tensor): void {
  const bind = Object.fromEntries([...xs.map((x, i) => [`x${i}`, x]), ['y', y]]);
  run(p, kernel(`op${xs.length}`, [code(xs.length)]), bind, { n: 0 }, [1]);
}

/** A program of chance: some temporaries written and read in any order, some copied and cleared. */
function chance(seed: number): Build {
  let x = seed * 2654435761 + 1;
  const next = (n: number) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return Math.floor((x / 2 ** 32) * n);
  };
  const steps = 3 + next(40);
  return (p) => {
    const made: Tensor[] = [];
    for (let i = 0; i < steps; i++) {
      const y = next(4) && made.length ? made[next(made.length)] : temp(p, `t${i}`, [1 + next(3000)]);
      const xs = made.filter((t) => t !== y && next(made.length) < 2).slice(0, 3);
      const what = next(8);
      if (what === 0) clear(p, y);
      else if (what === 1 && xs.length) copy(p, xs[0], y, 0, 0, 1);
      else op(p, xs, y);
      if (!made.includes(y)) made.push(y);
    }
  };
}

describe('slots', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))('hold one living temporary at a time, program %s', (seed) => {
    const parts: Asked = Array.from({ length: 1 + (seed % 3) }, (_, i) => ({
      name: `p${i}`,
      build: chance(seed * 7 + i),
      dims: {},
    }));
    const made = plan(parts, planning);
    for (const { largest } of made.parts.values()) {
      for (const t of largest.temps) {
        expect(made.slots).toContain(t.slot);
        expect(t.slot!.bytes, t.name).toBeGreaterThanOrEqual(t.bytes);
      }
      // brute force: walk the entries; whoever is between its first and last use must be alone in its slot
      const uses = largest.temps.map((t) => largest.entries.flatMap((e, at) => (operandsOf(e).includes(t) ? [at] : [])));
      for (let at = 0; at < largest.entries.length; at++) {
        const living = largest.temps.map((_, i) => i).filter((i) => uses[i][0] <= at && at <= uses[i].at(-1)!);
        expect(new Set(living.map((i) => largest.temps[i].slot)).size).toBe(living.length);
      }
    }
  });

  test('are shared by temporaries that follow one another, and by programs', () => {
    const chain: Build = (p) => {
      let x = temp(p, 'a', [100]);
      op(p, [], x);
      for (let i = 0; i < 10; i++) {
        const y = temp(p, `b${i}`, [100]);
        op(p, [x], y);
        x = y;
      }
    };
    const parts = ['one', 'two', 'three'].map((name) => ({ name, build: chain, dims: {} }));
    expect(plan(parts, planning).slots.map((s) => s.bytes)).toEqual([400, 400]);
  });

  test('are as large as the largest that they hold, whichever program brings it', () => {
    const one =
      (n: number): Build =>
      (p) =>
        op(p, [], temp(p, 't', [n]));
    const made = plan(
      [10, 1000, 100].map((n) => ({ name: `${n}`, build: one(n), dims: {} })),
      planning,
    );
    expect(made.slots.map((s) => s.bytes)).toEqual([4000]);
  });

  test('a temporary that nobody uses takes none', () => {
    const made = plan([{ name: 'p', build: (p) => void temp(p, 'idle', [1000]), dims: {} }], planning);
    expect(made.slots).toEqual([]);
  });

  test('a temporary of another program is an error, planned together or not', () => {
    let leaked: Tensor;
    const own: Build = (p) => op(p, [], (leaked = temp(p, 'x', [1])));
    const thief: Build = (p) => op(p, [leaked], temp(p, 'y', [1]));
    const parts: Asked = [own, thief].map((build, i) => ({ name: `p${i}`, build, dims: {} }));
    expect(() => plan(parts, planning)).toThrow(/program p1: x belongs to another program/);
    expect(() => plan([parts[1]], planning)).toThrow(/program p1: x belongs to another program/);
  });
});

describe('bytes', () => {
  const weight = resident('w', [1000], 'weights');
  const moment = resident('m', [500], 'moments');
  const result = resident('r', [4], 'other');
  const build: Build = (p) => {
    const t = temp(p, 't', [64], 'activations');
    op(p, [weight], t);
    op(p, [t, weight], moment);
    op(p, [moment], result);
  };
  const made = plan(
    [
      { name: 'a', build, dims: {}, readback: result },
      { name: 'b', build, dims: {} },
    ],
    planning,
  );

  test('by role sum to the total, and to all buffers of the plan', () => {
    const { total, ...roles } = made.bytes;
    expect(Object.keys(roles).sort()).toEqual([...ROLES].sort());
    expect(Object.values(roles).reduce((a, b) => a + b)).toBe(total);
    expect(homesOf(made).reduce((n, h) => n + h.bytes, 0)).toBe(total);
  });

  test('count a resident once, however many programs and dispatches name it', () => {
    expect(new Set(homesOf(made)).size).toBe(homesOf(made).length);
    const records = 2 * RECORD * (3 + SPARE);
    expect(made.bytes).toMatchObject({ weights: 4000, moments: 2000, activations: 256, temporaries: 0 });
    expect(made.bytes).toMatchObject({ staging: RING * (16 + STAMP), other: 16 + records });
  });

  test('include what lives meanwhile though no dispatch names it', () => {
    const kept = resident('kept', [256], 'trained').home!;
    const more = plan([{ name: 'a', build, dims: {} }], planning, [kept, weight.home!]);
    expect(more.bytes.trained).toBe(1024);
    expect(more.bytes.weights).toBe(4000);
  });
});
