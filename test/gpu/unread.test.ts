// Dispatches that nobody reads are dropped, and no other.
import { expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { clear, copy, type Program, temp, trace } from '../../src/gpu/program.ts';
import { resident } from '../../src/gpu/tensor.ts';
import { dropUnread } from '../../src/gpu/unread.ts';

const kept = resident('kept', [4], 'other');

/** Names of what is written, in order, after dropping from entry 1 to before entry `end`. */
function written(end: number, build: (p: Program) => void): string[] {
  const p = trace('test', build, {}, planningOf({ maxBinding: 1 << 20, maxBuffer: 1 << 20, software: false, subgroups: 0 }));
  dropUnread(p, 1, end);
  return p.entries.map((e) => (e.op === 'run' ? '' : e.to.name));
}

test('a chain that leads nowhere goes, one that is read later or kept stays', () => {
  const names = written(6, (p) => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => temp(p, name, [4]));
    clear(p, a); // before the part
    clear(p, b); // read by c alone
    copy(p, b, c); // read by nobody
    clear(p, d); // read after the part
    copy(p, a, kept); // outlives the program
    clear(p, temp(p, 'e', [4])); // the last of the part
    copy(p, d, kept);
  });
  expect(names).toEqual(['a', 'd', 'kept', 'kept']);
});

test('what stands behind the part stays, read or not', () => {
  const names = written(2, (p) => {
    const [a, b] = ['a', 'b'].map((name) => temp(p, name, [4]));
    clear(p, a);
    clear(p, b);
    clear(p, temp(p, 'late', [4]));
  });
  expect(names).toEqual(['a', 'late']);
});
