// A prompt of one's own, answered by the base and by the tuned model.

import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

/** The tuned model's answer without some blocks, and what that does to the held-out loss, nats. */
interface Without {
  text: string;
  loss: { all: number; without: number } | null;
}

/** Parts of an answer, each with the probability that the model gave it. */
type Pieces = readonly (readonly [text: string, probability: number])[];

interface Reply {
  prompt: string;
  before: string | null;
  after: string | null;
  pieces?: { before?: Pieces; after?: Pieces };
  /** Whose adapter it is, where it is not the last run's. */
  by?: string;
  without?: Without;
  fault?: string;
}

interface Props {
  free: boolean;
  asking: boolean;
  /** What stands in the field at first. */
  first: string;
  replies: Reply[];
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
                <b>Base</b> <Said text={r.before} pieces={r.pieces?.before} />
              </p>
            )}
            {r.after !== null && (
              <p>
                <b>{r.by ?? 'Tuned'}</b> <Said text={r.after} pieces={r.pieces?.after} />
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

/** An answer; once it is whole, under the pointer each token's probability. */
function Said({ text, pieces }: { text: string; pieces?: Pieces }) {
  if (!text) return <em>says nothing</em>;
  return (
    <span class="said">
      {pieces?.map(([piece, p], i) => (
        <span key={i} data-p={`${(100 * p).toFixed(1)} %`}>
          {i ? piece : piece.trimStart()}
        </span>
      )) ?? text}
    </span>
  );
}
