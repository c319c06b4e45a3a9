// A comparison in the terminal: one line a finished run, and at the end one table of methods at equal size.

import type { Line } from '../report.ts';
import { bytes, count, percent, rate, shareWords } from '../words.ts';
import { fitting, padded, paddedStart, paint, type Terminal, widthOf } from './terminal.ts';

type Comparison = Extract<Line, { kind: 'comparison' }>;
type Row = Comparison['rows'][0];

/** What a run came to: "held-out loss 0.1234, 47 of 50 exact". */
export function resultWords({ loss, exact, guard }: Extract<Line, { kind: 'result' }>): string {
  const parts = [`held-out loss ${loss.toFixed(4)}`];
  if (exact) parts.push(`${exact.right} of ${exact.of} exact`);
  if (guard) parts.push(`guard ${guard.before.toFixed(3)} -> ${guard.after.toFixed(3)}`);
  return parts.join(', ');
}

export function comparisonTable(t: Terminal, { title, runs, rows, report }: Comparison): string[] {
  const [exact, forgot] = [rows.some((r) => r.exact), rows.some((r) => r.forgot)];
  const columns: [head: string, of: (r: Row) => string][] = [
    ['method', (r) => r.method],
    ['trains', (r) => (r.trainable ? count(r.trainable).replace(' thousand', ' K').replace(' million', ' M') : '')],
    ['of targets', (r) => (r.trainable ? shareWords(r) : '')],
    ['lr', (r) => (r.lr ? String(r.lr) : '')],
    ['loss', (r) => r.loss.mean.toFixed(4)],
    ['+-', (r) => (r.runs > 1 ? ((r.loss.max - r.loss.min) / 2).toFixed(4) : '')],
    ...(exact ? [['exact', (r: Row) => (r.exact ? percent(r.exact.mean) : '')] as [string, (r: Row) => string]] : []),
    ...(forgot
      ? [['forgot', (r: Row) => (r.forgot && r.trainable ? r.forgot.mean.toFixed(3) : '')] as [string, (r: Row) => string]]
      : []),
    ['device', (r) => (r.device_bytes.peak ? bytes(r.device_bytes.peak) : '')],
    ['tokens/s', (r) => (r.tokens_per_second ? rate(r.tokens_per_second) : '')],
    ['saved', (r) => (r.adapter_bytes ? bytes(r.adapter_bytes) : '')],
  ];
  const wide = columns.map(([head, of]) => Math.max(...[head, ...rows.map(of)].map(widthOf)));
  const line = (group: number[], of: (i: number) => string) =>
    padded(of(0), wide[0]) + group.map((i) => paddedStart(of(i), wide[i] + 2)).join('');
  const rest = wide.slice(1).map((w) => w + 2);
  const groups = fitting(rest, wide[0], t.width - 1).map((group) => group.map((i) => i + 1));
  const sizes = [...new Set(rows.map((r) => r.size))];
  return [
    paint(t, 'bold', title),
    ...(runs.finished < runs.of ? [paint(t, 'dim', `of ${runs.finished} of ${runs.of} runs`)] : []),
    '',
    ...groups.flatMap((group) => [
      paint(
        t,
        'dim',
        line(group, (i) => columns[i][0]),
      ),
      ...sizes.flatMap((size) => [
        ...(size === null ? [] : [paint(t, 'dim', size)]),
        ...rows.filter((r) => r.size === size).map((r) => line(group, (i) => columns[i][1](r))),
      ]),
      '',
    ]),
    `report  ${paint(t, 'bold', report)}`,
  ];
}

/** "v_proj 61 % in 40 blocks, ...": where the update lies. */
export function movedWords(blocks: Extract<Line, { kind: 'blocks_update' }>['blocks']): string {
  const by = new Map<string, { n: number; share: number }>();
  for (const { module, share } of blocks) {
    const had = by.get(module) ?? { n: 0, share: 0 };
    by.set(module, { n: had.n + 1, share: had.share + share });
  }
  const parts = [...by].sort((a, b) => b[1].share - a[1].share).slice(0, 4);
  return parts.map(([m, { n, share }]) => `${m.replace('_proj', '')} ${percent(share)} of the update in ${n} blocks`).join(', ');
}
