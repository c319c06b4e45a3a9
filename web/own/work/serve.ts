// Calls of the page answered one by one. What uses the GPU waits its turn; the rest is answered meanwhile.

import { forgetRun, keptRun, placeOfRuns } from '../../keep.ts';
import type { Call, CallName, Calls, Event, Told } from '../calls.ts';
import { openAdapter } from './adapters.ts';
import { alike } from './alike.ts';
import { type Bench, newBench } from './bench.ts';
import { look, readOwn, viewRows } from './data.ts';
import { findGpu, knowing } from './device.ts';
import { sweepExports } from './exports-place.ts';
import { forgetModel, listModels } from './kept-models.ts';
import { openOwn } from './model.ts';
import { fitOwn, planOwn } from './plan.ts';
import { askOwn, resultOf, trainOwn } from './run.ts';
import { chooseOwn, scoreOwn } from './scored.ts';

type Answer<K extends CallName> = (b: Bench, given: Calls[K][0], controls: Control) => Promise<Calls[K][1]> | Calls[K][1];

const ANSWERS: { [K in CallName]: Answer<K> } = {
  gpu: findGpu,
  model: openOwn,
  look: (_, files) => look(files),
  data: readOwn,
  rows: viewRows,
  plan: planOwn,
  fit: fitOwn,
  alike,
  score: scoreOwn,
  choose: chooseOwn,
  train: trainOwn,
  ask: askOwn,
  adapter: openAdapter,
  result: resultOf,
  export: async (b, asked, { signal }) => (await import('./export.ts')).exportOwn(b, asked, signal),
  place: async () => (await placeOfRuns('own')) !== null,
  kept: async () => (await keptRun('own'))?.step ?? null,
  forget: () => forgetRun('own'),
  models: listModels,
  forgetModel: (_, key) => forgetModel(key),
};

/** Those that have the GPU, or the open model, to themselves. */
const IN_TURN: CallName[] = [
  'gpu',
  'model',
  'data',
  'score',
  'train',
  'ask',
  'adapter',
  'result',
  'export',
  'place',
  'kept',
  'forget',
  'forgetModel',
];

/** Those that a person may stop. */
const STOPPABLE: CallName[] = ['train', 'score', 'export', 'ask'];

/** Stops and holds the run under way. */
interface Control {
  signal: AbortSignal;
  hold: () => Promise<void> | undefined;
}

/** Answers calls by `post`; a new one for each worker. */
export function serve(post: (told: Told) => void): (call: Call) => void {
  const bench = newBench((event: Event) => post({ event }));
  let stop = new AbortController();
  let held: { until: Promise<void>; go: () => void } | null = null;
  let queue = sweepExports();
  const release = () => {
    held?.go();
    held = null;
  };
  const perform = async (call: Extract<Call, { id: number }>) => {
    if (STOPPABLE.includes(call.call)) [stop, held] = [new AbortController(), null];
    const controls = { signal: stop.signal, hold: () => held?.until };
    try {
      const answer = async () => (ANSWERS[call.call] as Answer<CallName>)(bench, call.given as never, controls);
      post({ id: call.id, value: await (IN_TURN.includes(call.call) ? knowing(bench, answer) : answer()) });
    } catch (e) {
      post({ id: call.id, error: e instanceof Error ? e.message : String(e) });
    }
  };
  return (call) => {
    if (!('id' in call)) {
      if (call.call === 'stop') stop.abort();
      if (call.call === 'pause' && !held) {
        let go = () => {};
        const until = new Promise<void>((done) => (go = done));
        held = { until, go };
      }
      if (call.call !== 'pause') release();
      return;
    }
    if (IN_TURN.includes(call.call)) queue = queue.then(() => perform(call));
    else void perform(call);
  };
}
