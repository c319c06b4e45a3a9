// The verb `serve`: a model and its adapters, loaded once, behind an OpenAI-compatible server, until a signal ends it.

import { memorySource } from '../../io/bytes.ts';
import type { Settled } from '../../options/table.ts';
import {
  applyAdapter,
  closeDesk,
  closeGpu,
  type Desk,
  endsOf,
  type Model,
  type OpenModel,
  openDesk,
  openPrompts,
  planServing,
  prepare,
  putOn,
  type Report,
  takeOff,
} from '../../parts.ts';
import { builtIn } from '../built-in.ts';
import { openFiles, openOnGpu } from '../open.ts';
import { dataOptions } from '../settings.ts';
import type { Task } from '../task.ts';
import { type Api, LIMITS, newApi } from './api.ts';
import type { Guard } from './guard.ts';
import { ended, errorBody, loading } from './refusal.ts';
import { now, type Service } from './service.ts';

/** Positions where none are asked for: what lm-evaluation-harness asks for at most. */
const POSITIONS = 2048;
export const BASE = 'base';

export async function serveVerb({ o, report, signal, listen }: Task): Promise<void> {
  if (!listen)
    throw new Error('expected a host that can listen at a port, got one that cannot; use the command line in Node or Deno');
  const adapters = namedAdapters(o.adapters ?? []);
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  try {
    const capacity = positionsOf(o, opened);
    const at = { host: o.host, port: o.port, ...LIMITS };
    await (await listen(() => LOADING, at)).close(); // a port that is taken is found before a model is loaded
    const model = await openOnGpu(o, opened, capacity, report);
    try {
      const desk = await openFor(model, adapters, capacity, report);
      const service = serviceOf(o, opened, desk, [BASE, ...adapters.map(({ name }) => name)], capacity);
      const ending = new AbortController();
      const api = (own: Pick<Guard, 'hosts' | 'same'>) => newApi(service, { ...own, key: o.key }, ending.signal);
      const { url, close } = await listen(api, at);
      report({ kind: 'listening', url, models: [...service.models] });
      try {
        await Promise.race([desk.ended, until(signal)]);
      } finally {
        ending.abort(ended());
        await closeDesk(desk);
        await close();
      }
    } finally {
      closeGpu(model.gpu);
    }
  } finally {
    await opened.files.close();
  }
}

/** Whoever asks in the moment that the port is tried. */
const LOADING: Api = { admits: () => errorBody(loading()), answers: async () => errorBody(loading()) };

const until = (signal: AbortSignal) =>
  new Promise<void>((over) => (signal.aborted ? over() : signal.addEventListener('abort', () => over(), { once: true })));

/** Adapters as NAME=PLACE; the rules have seen that they are. */
const namedAdapters = (given: readonly string[]) =>
  given.map((word) => ({ name: word.slice(0, word.indexOf('=')), place: word.slice(word.indexOf('=') + 1) }));

function positionsOf({ positions }: Settled, { files }: OpenModel): number {
  const own = files.config.max_position_embeddings;
  if (positions !== undefined && positions > own)
    throw new Error(`expected --positions of at most ${own}, as the model has them, got ${positions}; ask for fewer`);
  return positions ?? Math.min(POSITIONS, own);
}

/** Everything on the device: every adapter with the programs of its own, and then none hanging on the model. */
async function openFor(
  model: Model,
  adapters: { name: string; place: string }[],
  capacity: number,
  report: Report,
): Promise<Desk> {
  const none = () => {};
  const served = [{ name: BASE, on: none, off: none }];
  for (const { name, place } of adapters) {
    const { attached } = await applyAdapter(model, place, report);
    takeOff(attached);
    served.push({ name, on: () => putOn(attached), off: () => takeOff(attached) });
  }
  const serving = planServing(model.decoder, served, capacity, model.planning);
  report({ kind: 'plan', program: 'serve', bytes: serving.plan.bytes, trainable: 0, bound: false });
  const machine = await prepare(model.gpu, serving.plan, model.scope);
  report({ kind: 'memory', program: 'serve', planned: serving.plan.bytes.total, allocated: model.gpu.memory.bytes });
  return openDesk(machine, serving, endsOf(model));
}

/** The service at a desk. Requests without a seed draw by seeds that count up from the server's own. */
export function serviceOf(o: Settled, opened: OpenModel, desk: Desk, models: readonly string[], capacity: number): Service {
  let seeds = o.seed;
  return {
    ...{ desk, opened, models, capacity, since: now() },
    async conversation(record) {
      const source = memorySource(new TextEncoder().encode(JSON.stringify(record)), 'the request.jsonl');
      return (await openPrompts(opened, source, { ...dataOptions(o), columns: undefined })).prompts[0].ids;
    },
    seed(answers) {
      seeds += answers;
      return seeds - answers;
    },
  };
}
