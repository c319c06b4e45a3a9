import { describe, expect, test } from 'vitest';
import { link } from '../../src/gpu/link.ts';

const kernel = (body: string, params = '', head = '') => `${head}
struct Params { origin: vec3u,${params} }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(8, 4)
fn main(@builtin(workgroup_id) id: vec3u) {
  let wg = id + P.origin;
  ${body}
}`;
const squeeze = (text: string) => text.replace(/\s+/g, ' ');

describe('signature', () => {
  test('names, kinds and types of the bindings, workgroup size and entry', () => {
    const linked = link([kernel('y[wg.x] = 1f;')]);
    expect(linked.entry).toBe('main');
    expect(linked.workgroupSize).toEqual([8, 4, 1]);
    expect(linked.bindings).toEqual([
      { name: 'P', kind: 'uniform', binding: 0, type: 'Params' },
      { name: 'y', kind: 'read_write', binding: 1, type: 'array<f32>' },
    ]);
  });

  test.each([
    ['', [['origin', 0]], 16],
    [
      'n: u32',
      [
        ['origin', 0],
        ['n', 12],
      ],
      16,
    ],
    [
      'n: u32, scale: f32',
      [
        ['origin', 0],
        ['n', 12],
        ['scale', 16],
      ],
      32,
    ],
    [
      'a: i32, b: vec3u, c: f32',
      [
        ['origin', 0],
        ['a', 12],
        ['b', 16],
        ['c', 28],
      ],
      32,
    ],
    [
      'a: i32, b: u32, c: vec3u, d: u32',
      [
        ['origin', 0],
        ['a', 12],
        ['b', 16],
        ['c', 32],
        ['d', 44],
      ],
      48,
    ],
  ])('offsets of struct Params { origin, %s }', (fields, offsets, size) => {
    const linked = link([kernel('y[wg.x] = 1f;', fields)]);
    expect(linked.params.map((p) => [p.name, p.offset])).toEqual(offsets);
    expect(linked.paramsSize).toBe(size);
  });

  test('bindings are numbered in order of appearance over all parts, and unused ones dropped', () => {
    const format = `@group(0) @binding(0) var<storage, read> wq: array<u32>;
      @group(0) @binding(7) var<storage, read> unused: array<u32>;
      fn weight(i: u32) -> f32 { return bitcast<f32>(wq[i]); }`;
    const linked = link([format, kernel('y[wg.x] = weight(wg.x);')]);
    expect(linked.bindings.map((b) => `${b.binding} ${b.name} ${b.kind}`)).toEqual([
      '0 wq read',
      '1 P uniform',
      '2 y read_write',
    ]);
    expect(linked.code).toContain('@binding(2) var<storage, read_write> y');
    expect(linked.code).not.toContain('unused');
  });

  test('directives move to the front, each once; comments go', () => {
    const part = 'enable f16;\ndiagnostic(off, derivative_uniformity);\nfn h() -> f16 { return 1h; } // tail';
    const linked = link([part, kernel('y[wg.x] = 1f; /* a /* nested */ comment */', '', 'enable f16;')]);
    expect(linked.code.startsWith('enable f16;\ndiagnostic(off, derivative_uniformity);\nfn h')).toBe(true);
    expect(linked.code.match(/enable f16/g)).toHaveLength(1);
    expect(linked.code).not.toMatch(/tail|nested|comment/);
  });

  test.each([
    ['no Params', '@compute @workgroup_size(1) fn main() {}', /one "struct Params"/],
    ['origin not first', kernel('y[0] = 1f;').replace('origin: vec3u,', 'n: u32, origin: vec3u,'), /"origin: vec3u" first/],
    ['unknown field type', kernel('y[0] = 1f;', 'm: mat4x4f'), /got "m: mat4x4f"/],
    ['another group', kernel('y[0] = 1f;').replace('@group(0) @binding(1)', '@group(1) @binding(1)'), /expected @group\(0\)/],
    [
      'two bindings of one name',
      kernel('y[0] = 1f;', '', '@group(0) @binding(9) var<storage, read> y: array<u32>;'),
      /one binding "y"/,
    ],
    ['two entry points', `${kernel('y[0] = 1f;')}@compute @workgroup_size(1) fn other() {}`, /one entry point/],
    ['a workgroup size that is not constant', kernel('y[0] = 1f;').replace('(8, 4)', '(size)'), /got "size"/],
    ['an open comment', kernel('y[0] = 1f; /* open'), /close the comment/],
  ])('error: %s', (_, source, message) => {
    expect(() => link([source])).toThrow(message);
  });
});

describe('constants', () => {
  const consts = 'const R = 2u;\nconst S: u32 = R * 3;\nconst F: f32 = 1.5;\nconst ON = false;\nconst N = -1;\n';
  test.each([
    [{ R: 4 }, 'const R = 4u;'],
    [{ S: 9 }, 'const S: u32 = 9;'],
    [{ F: 2 }, 'const F: f32 = 2.0;'],
    [{ F: 0.25 }, 'const F: f32 = 0.25;'],
    [{ ON: true }, 'const ON = true;'],
    [{ N: -7 }, 'const N = -7;'],
  ])('%o gives %s', (values, line) => {
    expect(link([kernel('y[wg.x] = F;', '', consts)], values as Record<string, number>).code).toContain(line);
  });

  test('the workgroup size follows them', () => {
    const source = kernel('y[0] = F;', '', consts).replace('(8, 4)', '(R * 8, S / R, 2)');
    expect(link([source], { R: 4 }).workgroupSize).toEqual([32, 3, 2]);
  });

  test.each([
    [{ Q: 1 }, /module constant "Q".*got 0: the parts declare R, S, F, ON, N/],
    [{ R: 1.5 }, /an integer for constant "R", got 1.5/],
    [{ F: Number.NaN }, /a finite value for constant "F", got NaN/],
  ])('error: %o', (values, message) => {
    expect(() => link([kernel('y[0] = F;', '', consts)], values as unknown as Record<string, number>)).toThrow(message);
  });

  test('a constant within a function is not a module constant', () => {
    expect(() => link([kernel('const Z = 1u; y[0] = f32(Z);')], { Z: 2 })).toThrow(/got 0: the parts declare none/);
  });
});

describe('unroll', () => {
  const body = (text: string, consts = 'const R = 2u;\n') => {
    const code = squeeze(link([kernel(text, 'i: u32', consts)]).code);
    return code.slice(code.indexOf('P.origin;') + 'P.origin;'.length, -2).trim();
  };

  test('the variable becomes its value as a whole word, members and longer names stay', () => {
    expect(body('// @unroll\nfor (var i = 0u; i < 2u; i++) { y[i] = f32(P.i + ii * i); }')).toBe(
      '{ y[0u] = f32(P.i + ii * 0u); } {'.concat(' y[1u] = f32(P.i + ii * 1u); }'),
    );
  });

  test.each([
    ['var i = 1u; i < R * 2 + 1; i += R', '{ y[1u] = 0; } { y[3u] = 0; }'],
    ['var i: u32 = 0; i < R; i++', '{ y[0u] = 0; } { y[1u] = 0; }'],
    ['var i = 0; i < 2; i++', '{ y[0] = 0; } { y[1] = 0; }'],
    ['var i = 0x4u; i < (7u - 5u) * 3u % 16u; i += 1', '{ y[4u] = 0; } { y[5u] = 0; }'],
    ['var i = R; i < R; i++', ''],
  ])('for (%s)', (head, expected) => {
    expect(body(`// @unroll\nfor (${head}) { y[i] = 0; }`)).toBe(expected);
  });

  test('nested loops, the inner bound from the outer variable; a loop without the mark stays', () => {
    const text = `// @unroll
      for (var i = 0u; i < R; i++) {
        // @unroll
        for (var j = 0u; j < i + 1u; j++) { y[i * R + j] = 0; }
        for (var k = 0u; k < 3u; k++) { y[k] = 1; } // } a brace in a comment
      }`;
    const rest = 'for (var k = 0u; k < 3u; k++) { y[k] = 1; }';
    expect(body(text)).toBe(`{ { y[0u * R + 0u] = 0; } ${rest} } { { y[1u * R + 0u] = 0; } { y[1u * R + 1u] = 0; } ${rest} }`);
  });

  test.each([
    [
      'a bound that is not constant',
      'for (var i = 0u; i < P.i; i++) { y[i] = 0; }',
      /the bound "P.i".*for \(var i = 0u; i < P.i; i\+\+\)/,
    ],
    ['no loop', 'y[0] = 1;', /no for loop in "y\[0\] = 1;"/],
    ['a falling loop', 'for (var i = 4u; i > 0u; i--) { y[i] = 0; }', /another test/],
    ['two variables', 'for (var i = 0u; j < 4u; i++) { y[i] = 0; }', /two loop variables/],
    ['a zero step', 'for (var i = 0u; i < 4u; i += 0) { y[i] = 0; }', /a step of 0/],
    ['break', 'for (var i = 0u; i < 4u; i++) { if (i == 2u) { break; } }', /break or continue/],
    ['a shadowed variable', 'for (var i = 0u; i < 4u; i++) { let i = 2u; }', /a second "i"/],
    ['an open body', 'for (var i = 0u; i < 4u; i++) { if (true) { y[i] = 0; ', /close "\{"/],
    ['too much text', 'for (var i = 0u; i < 9999999u; i++) { y[i] = 0; }', /unroll less/],
  ])('error: %s', (_, text, message) => {
    expect(() => body(`// @unroll\n${text}`)).toThrow(message);
  });
});
