// Answers before and after, side by side, and the scores of the new skill and the old ones.

import type { Line } from '../tune/report.ts';
import { fitted, padded, paint, type Terminal, widthOf } from './terminal.ts';
import { percent } from './words.ts';

type Skills = Extract<Line, { kind: 'skills' }>;

export function answersTable(t: Terminal, { examples, scores }: Skills): string[] {
  const third = Math.floor((t.width - 8) / 3);
  const width = (of: (e: Skills['examples'][0]) => string, head: string) =>
    Math.max(head.length, Math.min(third, Math.max(...examples.map((e) => widthOf(of(e))))));
  const [prompt, before, after] = [
    width((e) => e.prompt, 'held-out prompt'),
    width((e) => e.before.text, 'before'),
    width((e) => e.after.text, 'after'),
  ];
  const mark = (right: boolean) => paint(t, right ? 'green' : 'red', t.unicode ? (right ? '✓' : '✗') : right ? '+' : '-');
  const cell = (a: { text: string; right: boolean }, w: number) => `${mark(a.right)} ${padded(fitted(t, a.text, w), w)}`;
  const row = (e: Skills['examples'][0]) =>
    `${padded(fitted(t, e.prompt, prompt), prompt)}  ${cell(e.before, before)}  ${cell(e.after, after)}`;
  return [
    '',
    paint(t, 'bold', `${padded('held-out prompt', prompt)}    ${padded('before', before)}    after`),
    ...examples.map(row),
    '',
    ...scores.map(
      (s) =>
        `${padded(s.skill, 12)}${percent(s.before / s.of)} -> ${paint(t, 'bold', percent(s.after / s.of))}  ${paint(t, 'dim', s.how)}`,
    ),
    '',
  ];
}
