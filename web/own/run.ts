// What the page knows of a run on one's own model: the same state as the built-in task's, told by the worker's events.

import { type PageState, reduce, type Shown } from '../state.ts';
import type { Event } from './calls.ts';

/** The state after an event that arrived at `now` milliseconds. */
export function hearRun(s: PageState, e: Event, now: number): PageState {
  switch (e.kind) {
    case 'asking':
      return reduce(s, { kind: 'stage', stage: e.when, total: e.total }, now);
    case 'answered':
      return answered(reduce(s, { kind: 'unit' }, now), e);
    case 'prompts':
      return { ...s, examples: e.prompts };
    case 'bytes':
    case 'reading':
    case 'remark':
    case 'saying':
    case 'writing':
      return s;
    default:
      return reduce(s, e, now);
  }
}

function answered(s: PageState, { when, index, text }: Extract<Event, { kind: 'answered' }>): PageState {
  const shown: Shown[] = [...s.answers[when]];
  shown[index] = { text, right: text === s.examples[index]?.expected };
  return { ...s, answers: { ...s.answers, [when]: shown } };
}
