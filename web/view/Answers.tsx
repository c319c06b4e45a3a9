// Held-out prompts with the base's answer and the tuned model's side by side.

import type { PageState, Shown } from '../state.ts';

export function Answers({ state: s }: { state: PageState }) {
  const tuned = s.phase === 'done' || s.answers.after.length > 0;
  return (
    <div class="answers-scroll">
      <table class="answers">
        <thead>
          <tr>
            <th scope="col">Held-out prompt</th>
            <th scope="col">Base</th>
            <th scope="col">Tuned</th>
          </tr>
        </thead>
        <tbody>
          {s.examples.map(({ prompt, expected }, i) => (
            <tr key={i}>
              <th scope="row">
                {prompt}
                {!tuned && <span class="expected">Right: {expected}</span>}
              </th>
              <td data-label="Base">
                <Answer answer={s.answers.before[i]} />
              </td>
              <td data-label="Tuned" data-testid="tuned-answer">
                <Answer answer={s.answers.after[i]} expected={expected} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Answer({ answer, expected }: { answer?: Shown; expected?: string }) {
  if (!answer)
    return (
      <span class="none">
        –<span class="spoken"> not asked yet</span>
      </span>
    );
  return (
    <span class={answer.right ? 'answer right' : 'answer wrong'}>
      <span class="tick" role="img" aria-label={answer.right ? 'right:' : 'wrong:'}>
        {answer.right ? '✓' : '✗'}
      </span>
      <span>
        {answer.text || <em>says nothing</em>}
        {!answer.right && expected && <span class="expected">Right: {expected}</span>}
      </span>
    </span>
  );
}
