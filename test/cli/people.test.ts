// A run's lines as people read them: what is told at once, and what the bar of a phase holds back.

import { expect, test } from 'vitest';
import { forPeople } from '../../src/cli/people.ts';
import { progress } from '../../src/cli/progress.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import type { Line } from '../../src/report.ts';

const pipe: Terminal = { live: false, colors: 0, unicode: true, width: 80 };

/** What a verb's lines become, in order, without a terminal. */
function told(verb: 'doctor' | 'train', lines: Line[]): string[] {
  const out: string[] = [];
  const take = (text: string) => void out.push(text.trimEnd());
  const people = forPeople(pipe, { verb, options: {} }, progress(pipe, { write: take, now: () => 0 }), {
    tell: take,
    answer: take,
    raw: take,
  });
  for (const line of lines) people.line(line);
  people.close();
  return out;
}

const check = (name: string, state: 'right' | 'wrong' | 'lacking', detail?: string): Line => ({
  ...{ kind: 'check', name, state, ok: state !== 'wrong', error: null },
  detail,
});

test('doctor counts the kernels that are right, and names the others', () => {
  const rights = Array.from({ length: 38 }, (_, i) => check(`gemm ${i}`, 'right'));
  const lines = told('doctor', [
    { kind: 'start', phase: 'checks', total: 40 },
    check('gemm_half', 'lacking', 'not on this adapter: no shader-f16'),
    ...rights,
    check('adamw', 'wrong'),
    { kind: 'note', text: 'kernels   38 right, 1 wrong, 1 not on this adapter' },
  ]);
  expect(lines.filter((line) => !/^kernels {2}\d+\/40/.test(line))).toEqual([
    '  -    gemm_half  not on this adapter: no shader-f16',
    'wrong  adamw',
    'kernels   38 right, 1 wrong, 1 not on this adapter',
  ]);
  expect(lines.length).toBeLessThanOrEqual(3 + 10);
  expect(lines).toContainEqual(expect.stringMatching(/^kernels {2}40\/40/));
});

test('what moved is told after the last step', () => {
  const step = { lr: 1, grad_norm: 1, tokens: 8, input_tokens: 8, ms: 10, skipped: false };
  const lines = told('train', [
    { kind: 'start', phase: 'train', total: 200 },
    ...[1, 2, 3].map((n): Line => ({ kind: 'step', step: n, loss: 2, ...step })),
    { kind: 'blocks_update', norm: 1, blocks: [{ layer: 0, module: 'q_proj', row: 0, col: 0, share: 1 }] },
  ]);
  expect(lines.map((line) => line.split(/ {2,}/).slice(0, 2))).toEqual([
    ['train', '3/200'],
    ['moved', 'q 100 % of the update in 1 blocks'],
  ]);
});

test.each([
  [3, '3 steps in 2 s, 12 tokens/s; not saved, as --out was not given'],
  [0, '0 steps in 2 s, 12 tokens/s; nothing was trained, and so nothing saved'],
])('after %d steps the end of what was not saved says why', (steps, says) => {
  const lines = told('train', [{ kind: 'done', out: null, steps, seconds: 2, tokens_per_second: 12, made: 'adapter' }]);
  expect(lines.map((line) => line.split(/ {2,}/)[1])).toEqual([says]);
});
