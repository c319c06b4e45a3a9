// What each run answers to the same prompts, beside the base.

import { Answer } from '../../view/Answers.tsx';
import { type Past, sideBySide } from '../history.ts';

export function SideBySide({ runs }: { runs: readonly Past[] }) {
  const asked = runs.filter((r) => r.asked.some(({ after }) => after));
  if (asked.length < 2) return null;
  return (
    <>
      <h3>The same prompts, answered by each</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
      <section class="scroll answers-scroll" tabIndex={0} aria-label="Answers of each run">
        <table class="answers" data-testid="side-by-side">
          <thead>
            <tr>
              <th scope="col">Prompt</th>
              <th scope="col">Base</th>
              {asked.map((r) => (
                <th key={r.number} scope="col">
                  {r.number}. {r.method}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sideBySide(asked).map(({ prompt, expected, base, answers }) => (
              <tr key={prompt}>
                <th scope="row">
                  {prompt}
                  <span class="expected">Right: {expected}</span>
                </th>
                <td data-label="Base">
                  <Answer answer={base} />
                </td>
                {answers.map((answer, i) => (
                  <td key={asked[i].number} data-label={`${asked[i].number}. ${asked[i].method}`}>
                    <Answer answer={answer} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
