// Why just these blocks: for each matrix its part of all scores, and what each spread would choose of it at this budget.

import { SPREADS } from '../../../src/parts.ts';
import type { ExplainedLine } from '../../state.ts';

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

export function Explained({ line: { matrices, overlap } }: { line: ExplainedLine }) {
  const all = matrices.reduce((sum, m) => sum + m.score, 0) || 1;
  return (
    <details data-testid="explained">
      <summary>Why these blocks</summary>
      <p class="hint">
        Each matrix's part of all scores, and how much of it every spread would choose. Of their choices two have in common:{' '}
        {Object.entries(overlap)
          .map(([pair, share]) => `${pair.replace('_', ' and ')} ${percent(share)}`)
          .join(', ')}
        .
      </p>
      <table class="costs">
        <thead>
          <tr>
            {['layer, matrix', 'scores', ...SPREADS].map((name) => (
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
              {SPREADS.map((spread) => (
                <td key={spread}>{percent(m[spread])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
