// What the page knows after each message of the worker.
import { expect, test } from 'vitest';
import type { Message } from '../../web/protocol.ts';
import { initial, type PageState, reduce, secondsLeft, titleOf, tokensPerSecond } from '../../web/state.ts';

const subject = {
  parameters: 1,
  matrices: [],
  rows: 2,
  examples: [{ prompt: 'p', expected: 'e' }],
  device: { name: 'd', software: false },
};
const bytes = {
  weights: 1,
  trained: 2,
  gradients: 3,
  moments: 4,
  activations: 5,
  temporaries: 6,
  logits: 7,
  kv: 8,
  staging: 9,
  other: 10,
  total: 55,
};
const step = (n: number, ms: number): Message => ({
  kind: 'step',
  step: n,
  loss: 1 / n,
  lr: 1,
  grad_norm: 1,
  tokens: 5,
  input_tokens: 10,
  ms,
  skipped: false,
});

/** Messages that arrive 100 ms apart. */
const after = (messages: Message[], from: PageState = initial) => messages.reduce((s, m, i) => reduce(s, m, 100 * (i + 1)), from);

test('a stage begins with nothing done and ends with all', () => {
  const s = after([{ kind: 'ready', subject }, { kind: 'start', phase: 'train', total: 2 }, step(1, 20), step(2, 30)]);
  expect([s.phase, s.stage, s.done, s.total]).toEqual(['ready', 'train', 2, 2]);
  expect(s.steps.map((l) => l.loss)).toEqual([1, 0.5]);
});

test('time left is the mean of the latest units times those to come', () => {
  const s = after([{ kind: 'start', phase: 'train', total: 10 }, step(1, 20), step(2, 30)]);
  expect(secondsLeft(s)).toBeCloseTo(0.8); // 8 more, 100 ms each
  expect(secondsLeft(initial)).toBeNull();
});

const before = (loss: (number | null)[]): Message => ({
  kind: 'toldBefore',
  curve: { warmup: [], loss, grad_norm: loss.map(() => 2), evals: [[2, 0.7]], guard: [] },
});

test('a run that goes on in a page loaded anew has the curve that it had, and the steps from there on', () => {
  const s = after([before([4, 3, null]), { kind: 'start', phase: 'train', total: 8 }, step(4, 20)]);
  expect(s.earlier.map((l) => [l.step, l.loss, l.grad_norm])).toEqual([
    [1, 4, 2],
    [2, 3, 2],
    [3, Number.NaN, 2],
  ]);
  expect(s.steps.map((l) => l.step)).toEqual([4]);
  expect(s.held).toEqual([{ step: 2, loss: 0.7 }]);
  expect(s.done).toBe(4);
});

test('a run that goes on in the page that saw it forgets what came after it was saved', () => {
  const s = after([step(1, 20), step(2, 20), step(3, 20), before([4, 3]), step(3, 20)]);
  expect(s.earlier).toEqual([]);
  expect(s.steps.map((l) => l.step)).toEqual([1, 2, 3]);
  expect(after([step(1, 20), before([])]).steps).toEqual([]);
});

test('a stage forgets the pace of the one before', () => {
  const s = after([
    { kind: 'start', phase: 'warmup', total: 2 },
    { kind: 'warmup', step: 1, loss: 1, tokens: 1, ms: 1 },
    { kind: 'start', phase: 'train', total: 2 },
  ]);
  expect(secondsLeft(s)).toBeNull();
});

test('tokens a second are those of the latest eight steps', () => {
  const slow = Array.from({ length: 4 }, (_, i) => step(i + 1, 1000));
  const fast = Array.from({ length: 8 }, (_, i) => step(i + 5, 50));
  expect(tokensPerSecond(after([...slow, ...fast]).steps)).toBeCloseTo(200);
  expect(tokensPerSecond([])).toBeNull();
});

test('only shown answers of the new skill are kept; grades of both are', () => {
  const s = after([
    { kind: 'ready', subject },
    { kind: 'answered', when: 'before', skill: 'new', index: 0, text: 'a', right: false },
    { kind: 'answered', when: 'before', skill: 'new', index: 1, text: 'b', right: false },
    { kind: 'answered', when: 'before', skill: 'old', index: 0, text: 'c', right: true },
    { kind: 'graded', when: 'before', skill: 'old', right: 1, of: 1 },
  ]);
  expect(s.answers.before).toEqual([{ text: 'a', right: false }]);
  expect(s.grades.old.before).toEqual({ right: 1, of: 1 });
  expect(s.grades.new.before).toBeNull();
});

test('the memory shown is that of training, first as a bound', () => {
  const plan = (program: string, bound: boolean): Message => ({ kind: 'plan', program, bytes, trainable: 1, bound });
  const s = after([plan('train', true), plan('warmup', false)]);
  expect(s.plan?.bound).toBe(true);
  expect(after([plan('train', false), { kind: 'memory', program: 'warmup', planned: 1, allocated: 1 }], s).allocated).toBeNull();
  expect(after([{ kind: 'memory', program: 'train', planned: 55, allocated: 55 }], s).allocated).toBe(55);
});

test('a failure keeps what came before it and names the stage', () => {
  const s = after([{ kind: 'ready', subject }, step(1, 20), { kind: 'failed', stage: 'train', text: 'lost' }]);
  expect([s.phase, s.trouble?.stage, s.trouble?.text, s.steps.length]).toEqual(['failed', 'train', 'lost', 1]);
});

test('the log holds the lines of the command line and not the page own', () => {
  const s = after([
    { kind: 'ready', subject },
    { kind: 'stage', stage: 'before', total: 1 },
    { kind: 'note', text: 'n' },
  ]);
  expect(s.log).toEqual(['{"kind":"note","text":"n"}']);
});

test('the title tells how far a run is, and only then', () => {
  const s = after([{ kind: 'stage', stage: 'before', total: 3 }, step(1, 20)]);
  expect(titleOf({ ...s, phase: 'running' })).toBe('33 % · blocktune');
  expect(titleOf({ ...s, phase: 'ready' })).toBe('blocktune');
  expect(titleOf({ ...s, phase: 'done' })).toBe('Done · blocktune');
});

test('why blocks were chosen is kept beside which', () => {
  const line = {
    kind: 'explained' as const,
    matrices: [{ layer: 0, module: 'v_proj', score: 2, fair: 0.5, apart: 0.5, global: 1, matrix: 0.25 }],
    overlap: { fair_global: 0.5, fair_matrix: 0.25, global_matrix: 0.25 },
  };
  expect(initial.explained).toBeNull();
  expect(after([line]).explained).toEqual(line);
});
