// A run that is kept in this browser: the page was closed over it, the GPU was lost for good, or nobody took its result.

import { giveUp, goOn } from '../actions.ts';
import { model, unfinished } from '../store.ts';

export function Unfinished() {
  const of = unfinished.value;
  if (!of) return null;
  const { from, train, step } = of;
  const again = 'files' in from && !from.files.length && model.value.state !== 'there';
  return (
    <section class="fault offer" aria-label="A run to go on with" data-testid="unfinished">
      <p>
        A run of {from.name} on {train.map(({ name }) => name).join(', ')} is kept in this browser, as it was at step {step}.
        {again && ' Its model is too large to be kept: choose it again to go on.'}
      </p>
      <div class="choices">
        <button type="button" class="button small" onClick={goOn} disabled={again} data-testid="go-on">
          Go on
        </button>
        <button type="button" class="button small quiet" onClick={giveUp} data-testid="give-up">
          Give it up
        </button>
      </div>
    </section>
  );
}
