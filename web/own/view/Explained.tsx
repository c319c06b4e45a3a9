// Why just these blocks: for each matrix its part of all scores, and what each spread would choose of it at this budget.

import type { ExplainedLine } from '../../state.ts';

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export function Explained({ line: { matrices, overlap } }: { line: ExplainedLine }) {
  const all = matrices.reduce((sum, m) => sum + m.score, 0) || 1;
  return (
    <details data-testid="explained">
      <summary>Why these blocks</summary>
      <p class="hint">
        Each matrix's part of all scores, and how much of it every spread would choose. Of their choices, fair and global have{' '}
        {percent(overlap.fair_global)} in common, fair and matrix {percent(overlap.fair_matrix)}, global and matrix{' '}
        {percent(overlap.global_matrix)}.
      </p>
      <table class="costs">
        <thead>
          <tr>
            {['layer, matrix', 'scores', 'fair', 'global', 'matrix'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrices.map((m) => (
            <tr key={`${m.layer} ${m.module}`}>
              <th scope="row">
                {m.layer} {m.module.replace('_proj', '')}
              </th>
              <td>{percent(m.score / all)}</td>
              <td>{percent(m.fair)}</td>
              <td>{percent(m.global)}</td>
              <td>{percent(m.matrix)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
