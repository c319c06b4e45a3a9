// The memory plan as one bar, by what the bytes are for.

import { bytes, grouped } from '../format.ts';
import type { PlanLine } from '../state.ts';

const CATEGORIES = [
  ['weights', 'Weights, frozen'],
  ['trained', 'Trained blocks'],
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
  const shown = CATEGORIES.filter(([key]) => plan.bytes[key] > 0);
  const share = (key: (typeof CATEGORIES)[number][0]) => (100 * plan.bytes[key]) / plan.bytes.total;
  return (
    <div class="memory">
      <p class="figure">
        <b>{bytes(plan.bytes.total)}</b> {plan.bound ? 'at most: the blocks are not chosen yet' : 'for training'}
      </p>
      <div class="bar" aria-hidden="true">
        {shown.map(([key]) => (
          <span key={key} class={`fill ${key}`} style={{ width: `${share(key)}%` }} />
        ))}
      </div>
      <dl class="legend">
        {shown.map(([key, name]) => (
          <div key={key}>
            <dt>
              <i class={`fill ${key}`} />
              {name}
            </dt>
            <dd>{bytes(plan.bytes[key])}</dd>
          </div>
        ))}
      </dl>
      <p class="check">{sentence(plan, allocated)}</p>
    </div>
  );
}

function sentence(plan: PlanLine, allocated: number | null): string {
  if (plan.bound || allocated === null) return `Planned: ${grouped(plan.bytes.total)} bytes.`;
  const planned = grouped(plan.bytes.total);
  return allocated === plan.bytes.total
    ? `Planned and allocated agree to the byte: ${planned}.`
    : `Planned ${planned} bytes, allocated ${grouped(allocated)}.`;
}
