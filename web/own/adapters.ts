// Adapters that answers can be given by: of the runs that ended on this model, and those that were opened.

import { computed, effect, signal } from '@preact/signals';
import type { AdapterFrom } from './calls.ts';
import { asking, model, past, refused, run, worker } from './store.ts';
import { inPageWords } from './words.ts';

/** Names of those that were opened. */
const opened = signal<readonly string[]>([]);
/** The one that answers: a run's number, or a name; empty: the last run's. */
export const by = signal('');
/** What is said of the one that was opened last. */
export const saidOf = signal<readonly string[]>([]);

export const adapters = computed<(readonly [value: string, name: string])[]>(() => [
  ...past.value.filter((r) => r.adapter).map((r) => [String(r.number), `${r.number}. ${r.method}`] as const),
  ...opened.value.map((name) => [name, name] as const),
]);

/** Opens an adapter of the model that is there, or is being opened. */
export async function openAdapter(from: AdapterFrom, first?: Promise<void>): Promise<void> {
  await first;
  if (model.value.state !== 'there') {
    refused.value = [`${from.name} is an adapter. Choose the model that it belongs to first, and then the adapter again.`];
    return;
  }
  asking.value = true;
  try {
    saidOf.value = await worker().call('adapter', from);
    opened.value = [...opened.value.filter((name) => name !== from.name), from.name];
    by.value = from.name;
  } catch (e) {
    saidOf.value = [inPageWords((e as Error).message)];
  } finally {
    asking.value = false;
  }
}

/** Another model has other adapters, and what a run has just made answers. */
let of: unknown;
effect(() => {
  if (run.value.phase === 'running' || !adapters.value.some(([value]) => value === by.value)) by.value = '';
  if (model.value.state !== 'there' || model.value.value === of) return;
  of = model.value.value;
  opened.value = [];
  saidOf.value = [];
  by.value = '';
});
