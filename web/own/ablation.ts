// Blocks that are switched off where the tuned model is asked: layers as a whole, or single ones.

import { computed, effect, signal } from '@preact/signals';
import { blockKey } from '../map/cells.ts';
import type { BlockPlace } from '../state.ts';
import { run } from './store.ts';

/** By `blockKey`. */
export const off = signal<ReadonlySet<string>>(new Set());

/** The blocks that trained, where a run has ended; none while one goes on. */
export const trained = computed<readonly BlockPlace[]>(() => {
  const { phase, selection, norms } = run.value;
  return (phase === 'done' || phase === 'stopped') && norms ? (selection?.blocks ?? []) : [];
});
export const offBlocks = computed<BlockPlace[]>(() =>
  trained.value
    .filter((block) => off.value.has(blockKey(block)))
    .map(({ layer, module, row, col }) => ({ layer, module, row, col })),
);

/** Layers in which blocks trained, with how many of them are off. */
export const layers = computed(() => {
  const found = new Map<number, { layer: number; of: number; off: number }>();
  for (const block of trained.value) {
    const { of, off: n } = found.get(block.layer) ?? { of: 0, off: 0 };
    found.set(block.layer, { layer: block.layer, of: of + 1, off: n + Number(off.value.has(blockKey(block))) });
  }
  return [...found.values()].sort((a, b) => a.layer - b.layer);
});

/** Switches a block that trained off, or on again. */
export const toggle = (block: BlockPlace): void => switchTo([block], !off.value.has(blockKey(block)));
export const toggleLayer = (layer: number): void => {
  const mine = trained.value.filter((block) => block.layer === layer);
  switchTo(mine, !mine.every((block) => off.value.has(blockKey(block))));
};
export const allOn = (): void => {
  off.value = new Set();
};

function switchTo(blocks: readonly BlockPlace[], isOff: boolean): void {
  const may = new Set(trained.value.map(blockKey));
  const next = new Set(off.value);
  for (const key of blocks.map(blockKey)) {
    if (isOff && may.has(key)) next.add(key);
    else next.delete(key);
  }
  off.value = next;
}

/** Another run has other blocks. */
effect(() => {
  if (run.value.phase === 'running') allOn();
});
