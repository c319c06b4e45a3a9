// Held-out prompts with the base's answer and the tuned model's side by side, and a prompt of one's own.

import { useState } from 'preact/hooks';
import { askModel } from '../engine.ts';
import type { Subject } from '../protocol.ts';
import type { PageState, Shown } from '../state.ts';

export function Answers({ state: s, subject }: { state: PageState; subject: Subject }) {
  const tuned = s.phase === 'done' || s.answers.after.length > 0;
  return (
    <>
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
            {subject.examples.map(({ prompt, expected }, i) => (
              <tr key={prompt}>
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
      <Ask state={s} />
    </>
  );
}

function Answer({ answer, expected }: { answer?: Shown; expected?: string }) {
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

function Ask({ state: s }: { state: PageState }) {
  const [prompt, setPrompt] = useState('Make it a question: The fox can swim.');
  const free = s.asking === null && ['ready', 'done', 'stopped'].includes(s.phase);
  const submit = (e: Event) => {
    e.preventDefault();
    if (free && prompt.trim()) askModel(prompt.trim());
  };
  return (
    <div class="ask">
      <form onSubmit={submit}>
        <label for="prompt">Your own prompt</label>
        <input
          id="prompt"
          value={prompt}
          onInput={(e) => setPrompt(e.currentTarget.value)}
          autocomplete="off"
          spellcheck={false}
        />
        <button type="submit" class="button small" disabled={!free || !prompt.trim()}>
          {s.asking === null ? 'Ask' : 'Asking'}
        </button>
      </form>
      <ul aria-live="polite" class="replies">
        {s.replies.map((r, i) => (
          <li key={s.replies.length - i}>
            <p class="asked">{r.prompt}</p>
            <p>
              <b>Base</b> {r.before || <em>says nothing</em>}
            </p>
            {r.after !== null && (
              <p>
                <b>Tuned</b> {r.after || <em>says nothing</em>}
              </p>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
