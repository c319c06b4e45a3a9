// Answers before and after, side by side, and the scores of the new skill and the old ones.

import type { Compared, Line } from '../report.ts';
import { percent } from '../words.ts';
import { fitted, padded, paint, type Terminal, widthOf, wrapped } from './terminal.ts';

type Skills = Extract<Line, { kind: 'skills' }>;

export function answersTable(t: Terminal, { examples, scores }: Skills): string[] {
  const shared = sharedStart(examples.map((e) => e.prompt));
  const head = { prompt: 'prompt', before: 'before', after: 'after' };
  const prompts = examples.map((e) => e.prompt.slice(shared.length).trim());
  const third = Math.floor((t.width - 8) / 3);
  const width = (texts: string[]) => Math.min(third, Math.max(...texts.map(widthOf)));
  const prompt = width([head.prompt, ...prompts]);
  const before = width([head.before, ...examples.map((e) => e.before.text)]);
  const after = Math.min(width([head.after, ...examples.map((e) => e.after.text)]), t.width - prompt - before - 8);
  const row = (e: Compared, i: number) =>
    `${padded(fitted(t, prompts[i], prompt), prompt)}  ${answer(t, e.before, before)}  ${answer(t, e.after, after)}`.trimEnd();
  return [
    '',
    `Held-out prompts${shared ? `, each after "${shared}"` : ''}`,
    paint(t, 'bold', `${padded(head.prompt, prompt)}    ${padded(head.before, before)}    ${head.after}`),
    ...examples.map(row),
    '',
    ...scores.flatMap((s) => wrapped(scoreLine(t, s), t.width)),
    '',
  ];
}

function answer(t: Terminal, { text, right }: Compared['before'], width: number): string {
  const mark = t.unicode ? (right ? '✓' : '✗') : right ? '+' : '-';
  return `${paint(t, right ? 'green' : 'red', mark)} ${padded(fitted(t, text, width), width)}`;
}

function scoreLine(t: Terminal, { skill, how, before, after, of }: Skills['scores'][0]): string {
  const [from, to] = [before, after].map((n) => percent(n / of));
  return `${padded(skill, 12)}${from.padStart(6)} -> ${paint(t, 'bold', to.padStart(6))}   ${paint(t, 'dim', `of ${of} ${how}`)}`;
}

/** What all texts begin with, up to a colon: it is said once. */
function sharedStart(texts: string[]): string {
  const start = texts[0]?.match(/^[^:]{1,40}:/)?.[0] ?? '';
  return texts.every((text) => text.startsWith(start)) ? start : '';
}
