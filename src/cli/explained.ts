// What `select --explain` and --stability tell of a choice: scores and choices by matrix, and how steady the choice is.

import type { Line } from '../report.ts';
import { percent } from '../words.ts';

const SPREADS = ['fair', 'apart', 'global', 'matrix'] as const;

const share = (x: number) => `${(100 * x).toFixed(1)} %`;

/** A head, a line a matrix: its share of all scores, and the share of it that each spread chooses; then what the spreads have in common. */
export function explainedTable({ matrices, overlap }: Extract<Line, { kind: 'explained' }>): [label: string, text: string][] {
  const all = matrices.reduce((sum, m) => sum + m.score, 0) || 1;
  const column = (x: number) => share(x).padStart(8);
  return [
    ['matrix', `${'scores'.padStart(28)} ${SPREADS.map((s) => s.padStart(8)).join(' ')} (shares of the matrix that are chosen)`],
    ...matrices.map((m): [string, string] => [
      '',
      `${`layer ${m.layer}`.padEnd(9)} ${m.module.padEnd(10)}${[m.score / all, ...SPREADS.map((s) => m[s])].map(column).join(' ')}`,
    ]),
    [
      'overlap',
      Object.entries(overlap)
        .map(([pair, x]) => `${pair.replace('_', ' and ')} ${share(x)}`)
        .join(', '),
    ],
  ];
}

/** "the halves of the warm-up agree in 61 % of the blocks (0.84 % by chance), and with the whole in 75 % and 78 %". */
export function stabilityWords({ halves, by_chance, whole }: Extract<Line, { kind: 'stability' }>): string {
  return `the halves of the warm-up agree in ${percent(halves)} of the blocks (${percent(by_chance)} by chance), and with the whole in ${whole.map(percent).join(' and ')}`;
}
