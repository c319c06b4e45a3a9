// Which blocks train: scored before a run or by one, chosen again as the budget is drawn, with what that means for its memory.

import { SPREADS, type Spread } from '../../../src/parts.ts';
import { bytes, grouped, percent } from '../../format.ts';
import { progressOf } from '../../state.ts';
import { BlockMap } from '../../view/drawn.ts';
import { off, toggle, trained } from '../ablation.ts';
import { choice, choosing, current, former, scoreBlocks, scoring, shared } from '../choosing.ts';
import { data, model, plan, run, running, scored, set, settled } from '../store.ts';
import { labelOf } from '../words.ts';
import { BenchPart, Fault } from './BenchPart.tsx';
import { Choice } from './Choice.tsx';
import { Explained } from './Explained.tsx';

export function BlocksPart() {
  const m = model.value;
  if (m.state !== 'there' || !choosing.value) return null;
  const s = run.value;
  const busy = running.value;
  const c = choice.value.state === 'there' ? choice.value.value : null;
  const selection = busy || !c ? s.selection : c;
  const mine = selection !== null && selection === s.selection;
  return (
    <BenchPart id="blocks" title="Blocks" note="Each plate is a weight matrix, each cell a block of it" wide tooled>
      <div class="choosing">
        <BlockMap
          matrices={m.value.matrices}
          selection={selection}
          scores={busy ? (s.scores ?? current.value?.scores) : (current.value ?? scored.value)?.scores}
          norms={mine || sameBlocks(selection, s.selection) ? s.norms : null}
          progress={progressOf(s)}
          block={scored.value?.block}
          off={off.value}
          pick={trained.value.length ? toggle : undefined}
        />
        <Chooser busy={busy} />
      </div>
      {s.explained && <Explained line={s.explained} />}
    </BenchPart>
  );
}

const sameBlocks = (a: typeof run.value.selection, b: typeof run.value.selection) =>
  a !== null && b !== null && a.blocks.length === b.blocks.length && shared.value === 1;

function Chooser({ busy }: { busy: boolean }) {
  const there = data.value.state === 'there';
  const o = settled.value;
  const c = choice.value;
  if (!current.value)
    return (
      <div class="chooser">
        <p class="hint">
          {scored.value
            ? 'These settings score blocks in another way than was done: score them again, or let the run do it.'
            : 'The run scores the blocks by itself. Score them now to see and change the choice before it.'}
        </p>
        <button
          type="button"
          class="button small"
          onClick={scoreBlocks}
          disabled={busy || !there || plan.value.state === 'failed' || scoring.value.busy}
          data-testid="score"
        >
          Score the blocks
        </button>
        <p class="busy" role="status">
          {scoring.value.said}
        </p>
      </div>
    );
  return (
    <div class="chooser">
      <Budget busy={busy} />
      <Choice
        id="chooser-spread"
        label={labelOf('spread')}
        value={o.spread}
        of={SPREADS.map((spread) => [spread, spread] as const)}
        choose={(spread) => set({ spread: spread as Spread })}
      />
      {c.state === 'failed' && <Fault text={c.text} testid="choice-fault" />}
      <Figures />
    </div>
  );
}

/** The slider's places: shares of the targets from a thousandth, or from one block, to all, even by their logarithm. */
const PLACES = 60;

function Budget({ busy }: { busy: boolean }) {
  const c = choice.value;
  const share = c.state === 'there' ? c.value.share_targets : 0.01;
  const blocks = current.value!.scores.reduce((n, { scores }) => n + scores.length, 0);
  const least = Math.max(0.001, 1 / blocks);
  const place = Math.round(PLACES * (1 - Math.log(share) / Math.log(least)));
  const budgetAt = (place: number) => {
    const at = least ** (1 - place / PLACES);
    return at * blocks < 1.5 ? '1b' : `${Number((100 * at).toPrecision(3))}%t`;
  };
  return (
    <div class="field">
      <label for="chooser-budget">Budget, of the matrices that may train</label>
      <input
        id="chooser-budget"
        type="range"
        min={0}
        max={PLACES}
        value={Math.min(PLACES, Math.max(0, place))}
        disabled={busy}
        aria-valuetext={percent(share)}
        onInput={(e) => set({ budget: budgetAt(Number(e.currentTarget.value)) })}
      />
    </div>
  );
}

function Figures() {
  const c = choice.value;
  const p = plan.value;
  if (c.state !== 'there') return null;
  const { blocks, trainable, share_targets, share_model } = c.value;
  return (
    <dl class="legend plain" data-testid="choice">
      <Figure name="Blocks" value={grouped(blocks.length)} />
      <Figure name="Trains" value={`${grouped(trainable)} numbers`} />
      <Figure name="Of these matrices" value={percent(share_targets)} />
      <Figure name="Of the model" value={percent(share_model)} />
      <Figure name="GPU memory" value={p.state === 'there' ? bytes(p.value.peak) : '–'} />
      {former.value && shared.value !== null && (
        <Figure
          name={`In common with the choice before, of ${grouped(former.value.blocks.length)}`}
          value={percent(shared.value)}
        />
      )}
    </dl>
  );
}

const Figure = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);
