// Every mutant of `npm run evidence mutation` can still be made: what it changes stands once in its kernel. That tests notice it is the
// evidence's to show.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const MUTANTS = new URL('../../scripts/evidence/mutation/mutants.mjs', import.meta.url).href;

interface Mutant {
  file: string;
  from: string;
  to: string;
}

test('what mutants change is there once', async () => {
  const { MUTANTS: all, mutated } = await import(/* @vite-ignore */ MUTANTS);
  expect(all.length).toBeGreaterThan(140);
  for (const m of all as Mutant[]) {
    const text = readFileSync(`shaders/${m.file}.wgsl`, 'utf8');
    expect(mutated(m, text)).not.toBe(text);
  }
});
