// Blocks chosen again, live, by scores that are known: as a budget or a spread changes, before anything trains.

import { batch, computed, effect, signal } from '@preact/signals';
import { overlap } from '../../src/parts.ts';
import type { Scores } from '../protocol.ts';
import type { SelectionLine } from '../state.ts';
import { choosesBlocks, scoresOf } from './scored.ts';
import { clash, data, model, options, type Part, run, scored, settled, worker } from './store.ts';
import { inPageWords } from './words.ts';

/** What the settings as they stand choose. */
export const choice = signal<Part<SelectionLine>>({ state: 'none' });
/** The choice before: of the run that ended last, else the first by these scores. */
export const former = signal<SelectionLine | null>(null);
/** While blocks are scored, and what is to be said of it. */
export const scoring = signal<{ busy: boolean; said: string }>({ busy: false, said: '' });

export const choosing = computed(() => choosesBlocks(settled.value));
/** Scores that are of the settings as they stand. */
export const current = computed<Scores | null>(() =>
  choosing.value && scored.value?.by === scoresOf(settled.value) ? scored.value : null,
);

/** Blocks that the present choice and the one before have in common, as a share of the smaller. */
export const shared = computed<number | null>(() => {
  const c = choice.value;
  return c.state === 'there' && former.value ? overlap(selectionOf(former.value), selectionOf(c.value)) : null;
});

type Chosen = Parameters<typeof overlap>[0];
const selectionOf = ({ block, blocks }: SelectionLine): Chosen => ({ block, blocks: blocks as Chosen['blocks'] });

/** Scores the blocks by the warm-up alone. */
export async function scoreBlocks(): Promise<void> {
  scoring.value = { busy: true, said: 'The model reads some of the data, and every block is scored.' };
  try {
    await worker().call('score', options.value);
    scoring.value = { busy: false, said: '' };
  } catch (e) {
    scoring.value = { busy: false, said: inPageWords((e as Error).message) };
  }
}

let asked = 0;

/** Chooses whenever scores, budget or spread have changed; a newer choice wins. */
effect(() => {
  const [scores, o] = [current.value, options.value];
  const turn = ++asked;
  if (!scores || clash.value || data.value.state !== 'there' || model.value.state !== 'there') {
    choice.value = { state: 'none' };
    return;
  }
  void worker()
    .call('choose', o)
    .then(
      (value) =>
        turn === asked &&
        batch(() => {
          choice.value = { state: 'there', value };
          former.value ??= value;
        }),
      (e: Error) => turn === asked && void (choice.value = { state: 'failed', text: inPageWords(e.message) }),
    );
});
/** Another model or other data have no former choice; a run that ended is the former one of what comes. */
effect(() => {
  void model.value;
  void data.value;
  former.value = null;
});
effect(() => {
  const { phase, selection } = run.value;
  if (phase === 'done' && selection) former.value = selection;
});
