// The button, the stages of the run, how far it is, and what it comes to.

import { stopRun } from '../engine.ts';
import { duration, grouped, percent } from '../format.ts';
import type { Stage } from '../protocol.ts';
import { type PageState, secondsLeft, tokensPerSecond } from '../state.ts';

const SHOWN: { stage: Stage; name: string; unit: string }[] = [
  { stage: 'warmup', name: 'Warm up and score', unit: 'batch' },
  { stage: 'train', name: 'Train the blocks', unit: 'step' },
  { stage: 'before', name: 'Ask the base', unit: 'prompt' },
  { stage: 'after', name: 'Ask the tuned model', unit: 'prompt' },
];

interface Props {
  state: PageState;
  start: (resume?: boolean) => void;
  giveUp: () => void;
}

export function Run({ state: s, start, giveUp }: Props) {
  const busy = s.phase === 'running' || s.phase === 'stopping';
  const able = s.phase === 'ready' || s.phase === 'done' || s.phase === 'stopped' || (s.phase === 'failed' && s.subject !== null);
  return (
    <section class="run" aria-label="The run">
      <div class="act">
        {busy ? (
          <button type="button" class="button quiet" onClick={stopRun} disabled={s.phase === 'stopping'}>
            {s.phase === 'stopping' ? 'Stopping' : 'Stop'}
          </button>
        ) : (
          <button type="button" class="button" onClick={() => start()} disabled={!able || s.asking !== null} data-testid="start">
            {s.phase === 'done' || s.phase === 'stopped' ? 'Fine-tune again' : 'Fine-tune the model'}
          </button>
        )}
        <p class="status" role="status" aria-live="polite" data-testid="status">
          {status(s)}
        </p>
      </div>
      {!busy && s.kept !== null && (
        <section class="fault offer" aria-label="A run to go on with" data-testid="unfinished">
          <p>A run of this task is kept in this browser, as it was at step {s.kept}.</p>
          <div class="choices">
            <button type="button" class="button small" onClick={() => start(true)} disabled={!able} data-testid="go-on">
              Go on
            </button>
            <button type="button" class="button small quiet" onClick={giveUp} disabled={!able} data-testid="give-up">
              Give it up
            </button>
          </div>
        </section>
      )}
      <ol class="stages">
        {SHOWN.map(({ stage, name }) => (
          <StageBar key={stage} name={name} share={shareOf(s, stage)} current={busy && s.stage === stage} />
        ))}
      </ol>
      {busy && <p class="live">{live(s)}</p>}
      {s.warning && (
        <p class="live" role="status" data-testid="warning">
          {s.warning}.
        </p>
      )}
      {s.finished && <Summary state={s} />}
    </section>
  );
}

export function StageBar({ name, share, current }: { name: string; share: number; current: boolean }) {
  return (
    <li class={current ? 'current' : share === 1 ? 'done' : ''} aria-current={current ? 'step' : undefined}>
      <span>{name}</span>
      <progress max={1} value={share} aria-label={name} />
    </li>
  );
}

/** How much of a stage is behind: all of the earlier ones, none of the later ones. */
function shareOf(s: PageState, stage: Stage): number {
  if (s.phase === 'done') return 1;
  if (!s.total || s.began === 0) return 0;
  const place = (x: Stage) => SHOWN.findIndex((y) => y.stage === x);
  const [here, there] = [s.stage === 'save' ? SHOWN.length : place(s.stage), place(stage)];
  return there < here ? 1 : there > here ? 0 : s.done / s.total;
}

/** Told to screen readers too, so it changes with the stage and not with every step. */
function status(s: PageState): string {
  switch (s.phase) {
    case 'opening':
      return 'Opening the model and the GPU.';
    case 'ready':
      return s.subject?.device.software
        ? 'Ready. This browser computes on the processor, so the run takes a few minutes.'
        : 'Ready. The run takes well under a minute on most GPUs.';
    case 'running':
      return `${SHOWN.find((x) => x.stage === s.stage)?.name ?? 'Saving'}.`;
    case 'stopping':
      return 'Stopping after the step that is on its way.';
    case 'stopped':
      return `Stopped${s.steps.length ? ` after ${s.steps.length} steps` : ''}. The base model was not touched.`;
    case 'done':
      return 'Done. The adapter is yours to keep.';
    default:
      return 'The run ended early.';
  }
}

/** The line that moves. */
function live(s: PageState): string {
  const unit = SHOWN.find((x) => x.stage === s.stage)?.unit ?? 'step';
  const parts = s.total ? [`${unit} ${Math.min(s.done + 1, s.total)} of ${s.total}`] : [];
  const step = s.steps.at(-1);
  if (s.stage === 'train' && step) {
    parts.push(`loss ${step.loss.toFixed(3)}`);
    const rate = tokensPerSecond(s.steps);
    if (rate !== null) parts.push(`${grouped(rate)} tokens/s`);
  }
  const left = secondsLeft(s);
  if (left !== null) parts.push(`about ${duration(left)} left in this stage`);
  return parts.join('  ·  ');
}

function Summary({ state: s }: { state: PageState }) {
  const { finished: f, selection, plan, grades } = s;
  if (!f || !selection) return null;
  const grade = (skill: 'new' | 'old') => {
    const { before, after } = grades[skill];
    return before && after ? `${before.right} of ${before.of} before, ${after.right} of ${after.of} after` : 'not asked';
  };
  return (
    <p class="summary" data-testid="summary">
      {grouped(f.steps)} steps over {grouped(f.input_tokens)} tokens took {duration(f.seconds)} (
      {grouped(f.input_tokens / f.seconds)} tokens/s); the whole run {duration(f.elapsed)}. {grouped(selection.blocks.length)}{' '}
      blocks trained, {percent(selection.share_model)} of the model
      {plan && `, in ${(plan.bytes.total / 1e6).toFixed(1)} MB of GPU memory`}. Held-out prompts answered exactly right:{' '}
      {grade('new')}. Old skills: {grade('old')}.
    </p>
  );
}
