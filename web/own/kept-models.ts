// What the page knows of the models that are kept in this browser.

import { signal } from '@preact/signals';
import type { KeptModel } from './calls.ts';
import { worker } from './store.ts';

export const keptModels = signal<KeptModel[]>([]);
/** Whether the browser has promised to keep what is there; null until it is asked. */
export const promised = signal<boolean | null>(null);

/** Looks what is there, and asks the browser to keep it. */
export async function lookForModels(): Promise<void> {
  keptModels.value = await worker()
    .call('models', null)
    .catch(() => []);
  if (keptModels.value.length) promised.value = (await navigator.storage?.persist?.()) ?? false;
}

export async function deleteModel(key: string): Promise<void> {
  keptModels.value = await worker().call('forgetModel', key);
}
