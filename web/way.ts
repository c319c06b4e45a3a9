// Which of the page's two ways in is shown: by the address, so that it can be linked to and gone back from.

import { signal } from '@preact/signals';

export type Way = 'built-in' | 'own';

/** The built-in task as one's own. */
export const TASK = '#own-task';

const wayOf = (hash: string): Way => (hash === '#own' || hash === TASK ? 'own' : 'built-in');

export const way = signal<Way>('built-in');

/** Follows the address; `enter` is called when a way is shown for the first time. */
export function followAddress(enter: (way: Way) => void): void {
  const entered = new Set<Way>();
  const look = () => {
    way.value = wayOf(location.hash);
    if (!entered.has(way.value)) enter(way.value);
    entered.add(way.value);
  };
  addEventListener('hashchange', look);
  look();
}
