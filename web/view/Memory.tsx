// The memory plan as one bar, by what the bytes are for.

import { bytes, grouped } from '../format.ts';
import type { PlanLine } from '../state.ts';

const CATEGORIES = [
  ['weights', 'Weights, frozen'],
  ['trained', 'What trains'],
  ['gradients', 'Their gradients'],
  ['moments', 'Optimizer moments'],
  ['activations', 'Activations kept for the backward'],
  ['temporaries', 'Temporaries'],
  ['logits', 'Logits chunk'],
  ['kv', 'Key/value cache'],
  ['staging', 'Staging'],
  ['other', 'Inputs, parameters, tables'],
] as const;

export function Memory({ plan, allocated }: { plan: PlanLine | null; allocated: number | null }) {
  if (!plan) return <p class="empty">The plan appears when the run starts, before anything is allocated for it.</p>;
  return (
    <div class="memory">
      <p class="figure">
        <b>{bytes(plan.bytes.total)}</b> {plan.bound ? 'at most: the blocks are not chosen yet' : 'for training'}
      </p>
      <Bars bytes={plan.bytes} of={plan.bytes.total} />
      <Legend bytes={plan.bytes} />
      <p class="check">{sentence(plan, allocated)}</p>
    </div>
  );
}

type Bytes = PlanLine['bytes'];
const shown = (all: Bytes) => CATEGORIES.filter(([key]) => all[key] > 0);

/** The bytes side by side, as shares of `of`, with a mark at a limit. */
export function Bars({ bytes: all, of, limit = null }: { bytes: Bytes; of: number; limit?: number | null }) {
  return (
    <div class="bar" aria-hidden="true">
      {shown(all).map(([key]) => (
        <span key={key} class={`fill ${key}`} style={{ width: `${(100 * all[key]) / of}%` }} />
      ))}
      {limit !== null && limit < of && <span class="limit" style={{ left: `${(100 * limit) / of}%` }} />}
    </div>
  );
}

/** What each colour is, in bytes. */
export function Legend({ bytes: all }: { bytes: Bytes }) {
  return (
    <dl class="legend">
      {shown(all).map(([key, name]) => (
        <div key={key}>
          <dt>
            <i class={`fill ${key}`} />
            {name}
          </dt>
          <dd>{bytes(all[key])}</dd>
        </div>
      ))}
    </dl>
  );
}

function sentence(plan: PlanLine, allocated: number | null): string {
  if (plan.bound || allocated === null) return `Planned: ${grouped(plan.bytes.total)} bytes.`;
  const planned = grouped(plan.bytes.total);
  return allocated === plan.bytes.total
    ? `Planned and allocated agree to the byte: ${planned}.`
    : `Planned ${planned} bytes, allocated ${grouped(allocated)}.`;
}
