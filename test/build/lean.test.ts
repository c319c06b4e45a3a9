// The built page's shaders: the sources but for what is for readers, and as the linker reads them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leanShader } from '../../scripts/build/lean.ts';
import { link } from '../../src/gpu/link.ts';
import { root } from '../cli/tiny.ts';

const shaders = readdirSync(join(root, 'shaders')).filter((name) => name.endsWith('.wgsl'));

/** WGSL's words and its signs, one by one; comments but the linker's marks are left out. */
const words = (text: string) => text.replace(/\/\/(?! @).*$/gm, '').match(/\/\/ @.*|[\w.]+|\S/g)!;

describe.each(shaders)('%s', (name) => {
  const source = readFileSync(join(root, 'shaders', name), 'utf8');

  test('has the same words', () => {
    expect(words(leanShader(source))).toEqual(words(source));
  });

  test('its marks and directives begin lines', () => {
    const lines = (text: string) =>
      text.match(/^\s*(\/\/ @.*|(enable|requires|diagnostic)\b[^;]*;)/gm)?.map((line) => line.trim());
    expect(lines(leanShader(source))).toEqual(lines(source));
  });
});

test.each([
  ['let x = a - -b;', 'let x=a - -b;'],
  ['fn f(a: u32, b: f32) -> f32 {\n  return 1.0; // one\n}', 'fn f(a:u32,b:f32)->f32 {return 1.0;}'],
])('%j is %j', (source, lean) => {
  expect(leanShader(source).trim()).toBe(lean);
});

test('a loop that is marked is unrolled from either', () => {
  const source = `// Sums.
enable f16;
const N = 2u;
@group(0) @binding(0) var<storage, read_write> c: array<u32>;
@compute @workgroup_size(1) fn main() {
  // @unroll
  for (var i = 0u; i < N; i++) {
    c[i] = i + P.n; // each
  }
}
struct Params {
  origin: vec3u,
  n: u32,
}
@group(0) @binding(1) var<uniform> P: Params;
`;
  const [lean, full] = [leanShader(source), source].map((text) => link([text]));
  expect(words(lean.code)).toEqual(words(full.code));
  expect({ ...lean, code: '' }).toEqual({ ...full, code: '' });
  expect(full.code).toMatch(/c\[1u?\] = 1u?/);
});
