// The check of kernels finds what it is for: conflicts that can be counted by hand, memory that is shared, and text it cannot follow.
import { expect, test } from 'vitest';
import { kernel } from '../../src/gpu/program.ts';
import { workgroupBytes, worstConflict } from './banks.ts';
import { parse } from './wgsl.ts';

const linked = (shared: string, body: string, size = '64') =>
  kernel('tested', [
    `struct Params { origin: vec3u, n: u32, pitch: u32 }
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
${shared}
@compute @workgroup_size(${size})
fn main(@builtin(local_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32) { ${body} x[P.n] = 0.0; }`,
  ]);

function ways(shared: string, body: string, size?: string, params = [64, 33]): number {
  const k = linked(shared, body, size);
  return worstConflict(parse(k.linked.code), { kernel: k, params }).ways;
}

const FLOATS = 'var<workgroup> t: array<f32, 2112>;';
const FOURS = 'var<workgroup> t: array<vec4f, 512>;';

test.each([
  ['one after the other', FLOATS, 't[lane] = 1.0;', 1],
  ['all the same', FLOATS, 'let a = t[7];', 1],
  ['every second', FLOATS, 't[2u * lane] = 1.0;', 2],
  ['rows of 32', FLOATS, 't[lane * 32u] = 1.0;', 32],
  ['rows of 33', FLOATS, 't[lane * 33u] = 1.0;', 1],
  ['rows by a param', FLOATS, 't[lane * (P.pitch - 1u)] = 1.0;', 32],
  ['half of the lanes', FLOATS, 'if (lane < 16u) { t[lane * 32u] = 1.0; }', 16],
  ['lanes left behind by a return', FLOATS, 'if (lane >= 8u) { return; } t[lane * 32u] = 1.0;', 8],
  ['a value that is not known', FLOATS, 'if (x[lane] > 0.0) { t[lane * 32u] = 1.0; } else { t[lane] = 1.0; }', 32],
  ['lanes that run a loop unequally', FLOATS, 'for (var i = lane; i < 40u; i += 32u) { t[i] = 1.0; }', 1],
  ['a later turn', FLOATS, 'for (var s = 1u; s < 16u; s *= 2u) { t[lane * s] += 1.0; }', 8],
  ['a loop that breaks', FLOATS, 'loop { if (lane > 3u) { break; } t[lane * 32u] = 1.0; break; }', 4],
  ['a function', `${FLOATS} fn at(i: u32) -> u32 { let r = i / 8u; return r * 32u + i % 8u; }`, 't[at(lane)] = 1.0;', 4],
  ['two calls of it', `${FLOATS} fn put(i: u32) { t[i] = 1.0; }`, 'put(lane); put(lane + 32u);', 1],
  [
    'a constant and an alias',
    `const PITCH = 16u * 2u; alias E = f32; var<workgroup> t: array<E, 1024>;`,
    't[lane * PITCH] = 1.0;',
    32,
  ],
  ['integers kept in an array', FLOATS, 'var a: array<u32, 2>; a[1] = lane * 32u; t[a[1]] = 1.0;', 32],
  ['a selected index', FLOATS, 't[select(lane, lane * 32u, P.n == 64u)] = 1.0;', 32],
  ['four floats each', FOURS, 't[lane] = vec4f();', 1],
  ['four floats each, every second', FOURS, 't[lane * 2u] = vec4f();', 2],
  ['four floats each, columns of eight', FOURS, 't[lane * 8u] = vec4f();', 8],
  ['one of four floats', FOURS, 'let a = t[lane].y;', 4],
  ['rows of rows', 'var<workgroup> t: array<array<vec4f, 8>, 32>;', 'let a = t[lane][0].x;', 32],
  ['halves', 'enable f16; var<workgroup> t: array<vec4<f16>, 64>;', 't[lane] = vec4<f16>();', 1],
])('%s', (_, shared, body, expected) => {
  expect(ways(shared, body)).toBe(expected);
});

test('lanes are counted along x first', () => {
  expect(ways(FLOATS, 't[id.y * 32u + id.x] = 1.0;', '8, 8')).toBe(4);
  expect(ways(FLOATS, 't[id.x * 32u + id.y] = 1.0;', '8, 8')).toBe(8);
});

test('nothing shared has no conflict', () => {
  expect(ways('', 'var a = lane;')).toBe(0);
});

test('an index that does not follow from lanes and params is told, not passed over', () => {
  expect(() => ways(FLOATS, 't[u32(x[lane])] = 1.0;')).toThrow(/expected an index .* got t\[u32\(x\[lane\]\)\]/);
});

test('text that is not known is told', () => {
  expect(() => ways(FLOATS, 'switch lane { default: { t[lane] = 1.0; } }')).toThrow(/expected no switch/);
});

test.each([
  ['array<f32, 3>', 12],
  ['array<vec3f, 2>', 32],
  ['array<array<vec4<f16>, 4>, 2 * 3>', 192],
  ['array<f32, 3>; var<workgroup> b: array<vec4f, 2>', 16 + 32],
])('a workgroup shares %s', (type, bytes) => {
  const k = linked(`enable f16; var<workgroup> a: ${type};`, 'let c = a[0];');
  expect(workgroupBytes(parse(k.linked.code))).toBe(bytes);
});
