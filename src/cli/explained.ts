// What `select --explain` and --stability tell of a choice: scores and choices by matrix, and how steady the choice is.

import type { Line } from '../report.ts';
import { percent } from '../words.ts';

const share = (x: number) => `${(100 * x).toFixed(1)} %`;

/** A head, a line a matrix: its share of all scores, and the share of it that each spread chooses; then what the spreads have in common. */
export function explainedTable({ matrices, overlap }: Extract<Line, { kind: 'explained' }>): [label: string, text: string][] {
  const all = matrices.reduce((sum, m) => sum + m.score, 0) || 1;
  const column = (x: number) => share(x).padStart(8);
  const { fair_global, fair_matrix, global_matrix } = overlap;
  return [
    ['matrix', `${'scores'.padStart(28)}     fair   global   matrix (shares of the matrix that are chosen)`],
    ...matrices.map(({ layer, module, score, fair, global, matrix }): [string, string] => [
      '',
      `${`layer ${layer}`.padEnd(9)} ${module.padEnd(10)}${column(score / all)} ${column(fair)} ${column(global)} ${column(matrix)}`,
    ]),
    [
      'overlap',
      `fair and global ${share(fair_global)}, fair and matrix ${share(fair_matrix)}, global and matrix ${share(global_matrix)}`,
    ],
  ];
}

/** "the halves of the warm-up agree in 61 % of the blocks (0.84 % by chance), and with the whole in 75 % and 78 %". */
export function stabilityWords({ halves, by_chance, whole }: Extract<Line, { kind: 'stability' }>): string {
  return `the halves of the warm-up agree in ${percent(halves)} of the blocks (${percent(by_chance)} by chance), and with the whole in ${whole.map(percent).join(' and ')}`;
}
