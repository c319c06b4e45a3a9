// A prompt of one's own, answered by the base and by the tuned model.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/** The tuned model's answer without some blocks, and what that does to the held-out loss, nats. */
interface Without {
  text: string;
  loss: { all: number; without: number } | null;
}

interface Props {
  free: boolean;
  asking: boolean;
  /** What stands in the field at first. */
  first: string;
  replies: { prompt: string; before: string | null; after: string | null; without?: Without; fault?: string }[];
  ask: (prompt: string) => void;
  /** Ends the answer under way, which stays as far as it goes. */
  stop?: () => void;
  /** More to choose, beside the prompt. */
  children?: ComponentChildren;
}

export function Ask({ free, asking, first, replies, ask, stop, children }: Props) {
  const [prompt, setPrompt] = useState(first);
  const submit = (e: Event) => {
    e.preventDefault();
    if (free && prompt.trim()) ask(prompt.trim());
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
        {asking && stop ? (
          <button key="stop" type="button" class="button small" onClick={stop}>
            Stop
          </button>
        ) : (
          <button key="ask" type="submit" class="button small" disabled={!free || !prompt.trim()}>
            {asking ? 'Asking' : 'Ask'}
          </button>
        )}
        {children}
      </form>
      <ul aria-live="polite" aria-busy={asking} class="replies">
        {replies.map((r, i) => (
          <li key={replies.length - i}>
            <p class="asked">{r.prompt}</p>
            {r.fault && <p class="warn">{r.fault}</p>}
            {r.before !== null && (
              <p>
                <b>Base</b> {r.before || <em>says nothing</em>}
              </p>
            )}
            {r.after !== null && (
              <p>
                <b>Tuned</b> {r.after || <em>says nothing</em>}
              </p>
            )}
            {r.without && (
              <p data-testid="without">
                <b>Without</b> {r.without.text || <em>says nothing</em>}
                {r.without.loss && (
                  <small>
                    {' '}
                    held-out loss {r.without.loss.all.toFixed(4)} with all, {r.without.loss.without.toFixed(4)} without
                  </small>
                )}
              </p>
            )}
          </li>
        ))}
      </ul>
    </div>
  );
}
