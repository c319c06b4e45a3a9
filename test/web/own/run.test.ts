// What the page knows of a run on one's own model, its stages, its figures, its curves, and lengths as bars.
import { describe, expect, test } from 'vitest';
import { withDefaults } from '../../../src/options/table.ts';
import type { Event } from '../../../web/own/calls.ts';
import { histogram, median } from '../../../web/own/histogram.ts';
import { atEqualTime, overlaid, pastOf, sideBySide } from '../../../web/own/history.ts';
import { hearRun } from '../../../web/own/run.ts';
import { figuresOf, shareOf, stagesOf, statusOf } from '../../../web/own/stages.ts';
import { initial, type PageState } from '../../../web/state.ts';
import { curves } from '../../../web/view/Loss.tsx';

const begun: PageState = { ...initial, phase: 'running', began: 1 };
const heard = (...events: Event[]) => events.reduce((s, e, i) => hearRun(s, e, 100 * (i + 1)), begun);
const step = (n: number, loss: number): Event => ({
  ...({ kind: 'step', step: n, loss, lr: 1e-4, grad_norm: 2, tokens: 5, input_tokens: 10, ms: 50, skipped: false } as const),
});
const evaluated = (n: number, loss: number, guard?: string): Event => ({
  kind: 'eval',
  step: n,
  loss,
  perplexity: 1,
  tokens: 1,
  ...(guard && { guard }),
});

test('answers are held against what is right', () => {
  const s = heard(
    { kind: 'prompts', prompts: [{ prompt: 'p', expected: 'yes' }] },
    { kind: 'asking', when: 'before', total: 1 },
    { kind: 'answered', when: 'before', index: 0, text: 'no' },
    { kind: 'asking', when: 'after', total: 1 },
    { kind: 'answered', when: 'after', index: 0, text: 'yes' },
  );
  expect(s.answers).toEqual({ before: [{ text: 'no', right: false }], after: [{ text: 'yes', right: true }] });
  expect([s.stage, s.done, s.total]).toEqual(['after', 1, 1]);
});

test('held-out losses are kept, the guard’s are not among them', () =>
  expect(heard(evaluated(2, 3), evaluated(2, 9, 'g')).held.map((l) => l.loss)).toEqual([3]));

describe('stages', () => {
  const stages = stagesOf({ asks: true, warmsUp: false });
  test('those that there are', () => {
    expect(stages.map((s) => s.stage)).toEqual(['open', 'before', 'train', 'after']);
    expect(stagesOf({ asks: false, warmsUp: true }).map((s) => s.stage)).toEqual(['open', 'warmup', 'train']);
  });
  test('earlier ones are behind, the current by its units', () => {
    const s = heard({ kind: 'start', phase: 'train', total: 4 }, step(1, 2));
    expect(['open', 'before', 'train', 'after'].map((x) => shareOf(s, x as 'open', stages))).toEqual([1, 1, 0.25, 0]);
    expect(shareOf({ ...s, phase: 'done' }, 'after', stages)).toBe(1);
    expect(shareOf(initial, 'open', stages)).toBe(0);
  });
  test('what is said of them', () => {
    const s = heard({ kind: 'start', phase: 'train', total: 4 }, step(1, 2));
    expect(statusOf(s, stages, false, null)).toBe('Train.');
    expect(statusOf(s, stages, true, null)).toMatch(/^Held/);
    expect(statusOf({ ...s, phase: 'stopped' }, stages, false, null)).toBe(
      'Stopped after 1 step; what was trained until then is kept.',
    );
    expect(statusOf(initial, stages, false, 'Choose a model first.')).toBe('Choose a model first.');
  });
});

test('every figure has its unit', () => {
  const figures = Object.fromEntries(figuresOf(heard({ kind: 'start', phase: 'train', total: 4 }, step(1, 2), evaluated(1, 3))));
  const endless = figuresOf(heard({ kind: 'start', phase: 'train', total: 1_000_000 }, step(1, 2)));
  expect(Object.fromEntries(endless)).toMatchObject({ Step: '1', 'Left in this stage': '–' });
  expect(figures).toMatchObject({ Step: '1 of 4', Loss: '2.000 nats', 'Held-out loss': '3.000 nats', Speed: '200 tokens/s' });
});

test('curves of both losses lie over the steps of either', () => {
  const s = heard(evaluated(0, 9), step(1, 4), step(2, 2), evaluated(2, 5));
  const { x, loss, smooth, heldOut } = curves(s.steps, s.held);
  expect([x, loss, heldOut]).toEqual([
    [0, 1, 2],
    [null, 4, 2],
    [9, null, 5],
  ]);
  expect(smooth[1]).toBeCloseTo(4);
  expect(smooth[2]).toBeLessThan(4);
});

describe('runs that ended', () => {
  const ended = { steps: 2, seconds: 2.5, warmup_seconds: 0.5, input_tokens: 20, model: false, stopped: false };
  const ran = (...events: Event[]) => heard({ kind: 'prompts', prompts: [{ prompt: 'p', expected: 'e' }] }, ...events);
  const options = withDefaults({ method: 'lora', rank: 4, lr: 1e-3, maxLength: 9 });
  const one = pastOf(ran(step(1, 4), step(2, 2), evaluated(2, 5), evaluated(4, 3)), options, ended, 1);
  const two = pastOf(
    ran(step(1, 6), evaluated(1, 7), evaluated(2, 6), { kind: 'answered', when: 'after', index: 0, text: 'e' }),
    options,
    ended,
    2,
  );

  test('are told by what was said of them, and what they came to', () => {
    expect(one).toMatchObject({ number: 1, method: 'lora', settings: 'rank 4, lr 0.001', heldLoss: 3, seconds: 3, right: null });
    expect(one.loss).toBeLessThan(4);
    expect(two.right).toEqual({ before: 0, after: 1, of: 1 });
  });
  test('say what they are a comparison by', () =>
    expect(pastOf(ran(step(1, 4)), options, ended, 3, 'time').settings).toBe('rank 4, lr 0.001, in the same time'));
  test('are answered side by side, the base once', () => {
    const before: Event = { kind: 'answered', when: 'before', index: 0, text: 'b' };
    const after = (text: string): Event => ({ kind: 'answered', when: 'after', index: 0, text });
    const runs = [pastOf(ran(before, after('x')), options, ended, 1), pastOf(ran(after('e')), options, ended, 2), one];
    expect(sideBySide(runs)).toEqual([
      {
        prompt: 'p',
        expected: 'e',
        base: { text: 'b', right: false },
        answers: [{ text: 'x', right: false }, { text: 'e', right: true }, undefined],
      },
    ]);
  });
  test('at equal time rates do not hang on how long a run is', () => {
    expect(atEqualTime({ lrWarmup: 0.1 }, 50)).toMatchObject({ schedule: 'constant', lrWarmup: 5 });
    expect(atEqualTime({ lrWarmup: 7 }, 50)).toMatchObject({ schedule: 'constant', lrWarmup: 7 });
  });
  test('lie over one another by held-out losses', () =>
    expect(overlaid([one, two])).toEqual({
      x: [1, 2, 4],
      y: [
        [null, 5, 3],
        [7, 6, null],
      ],
      of: 'held-out',
    }));
  test('where one has none, by running means of the rows trained on', () => {
    const { x, y, of } = overlaid([one, { ...two, held: [] }]);
    expect([of, x, y[1]]).toEqual(['training', [1, 2], [6, null]]);
    expect(y[0][0]).toBeCloseTo(4);
  });
});

describe('lengths', () => {
  test.each([[[]], [[1]], [[3, 3, 7]], [[1, 24, 25, 512]], [Array.from({ length: 100 }, (_, i) => i * 37 + 1)]])(
    '%j: every row is in its bar',
    (lengths) => {
      const bars = histogram(lengths);
      expect(bars.length).toBeLessThanOrEqual(24);
      expect(bars.map(({ rows }) => rows)).toEqual(
        bars.map(({ from, to }) => lengths.filter((l) => l >= from && l <= to).length),
      );
      expect(bars.reduce((n, b) => n + b.rows, 0)).toBe(lengths.length);
    },
  );
  test.each([
    [[3], 3],
    [[5, 1, 3], 3],
    [[4, 1, 3, 2], 2],
    [[], 0],
  ])('the middle of %j is %d', (lengths, middle) => expect(median(lengths)).toBe(middle));
});
