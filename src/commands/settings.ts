// Options as what lies below takes them: a method with its settings, the run beside it, where rows come from. Options end here.

import type { Module } from '../models/config.ts';
import { faultOfOptimizer } from '../options/rules.ts';
import { type Settled, TARGETS, withDefaults } from '../options/table.ts';
import type { Adapter, DataOptions, Method, Selection, Settings, TuneOptions } from '../parts.ts';
import { methodNamed, methodOf } from '../parts.ts';
import type { AutotuneCache } from './task.ts';

/** The method that the options ask for; with an adapter the one that goes on from it. */
export function methodFrom(o: Settled, { adapter, selection }: { adapter?: Adapter; selection?: Selection } = {}): Method {
  const settings = { ...methodSettings(o), selection };
  return adapter ? methodOf(adapter).adapters!.from(adapter, settings) : methodNamed(o.method).make(settings);
}

/** What any method is told; each takes its own. */
export function methodSettings(o: Settled): Settings {
  const { block, budget, score, select, spread, kappa, warmup, warmupSteps, rank, alpha, dropout, share, loraLr, layers, seed } =
    o;
  return {
    targets: modulesOf(o),
    block,
    budget,
    score,
    select,
    spread,
    kappa,
    warmup,
    warmupSteps,
    rank,
    alpha,
    dropout,
    share,
    loraLr,
    layers,
    seed,
  };
}

export const modulesOf = (o: Pick<Settled, 'targets'>) => o.targets.map((t) => `${t}_proj` as Module);

/** The run beside its method. */
export function tuneOptions(o: Settled, method: Method, cache?: AutotuneCache): TuneOptions {
  const { steps, epochs, batch, accumulate, seed, lr, schedule, lrWarmup, betas, eps, clip, optimizer, muonScale } = o;
  const { weightDecay, decayToward, evalEvery, patience, maxSkips, spike, recompute, memory } = o;
  return {
    ...{ method, steps, epochs, batch, accumulate, shuffle: !o.noShuffle, seed },
    ...{ lr, schedule, lrWarmup, betas, eps, weightDecay, decayToward, clip, optimizer, muonScale },
    ...{ evalEvery, patience, maxSkips, spike, recompute, memory, autotune: o.tune === 'on', cache },
    ...(o.out !== undefined &&
      (o.checkpointEvery !== 0 || o.resume) && {
        checkpoints: { folder: o.out, every: o.checkpointEvery, keep: o.keep, resume: o.resume ?? false, anew: o.force ?? false },
      }),
  };
}

/** How rows are read. */
export function dataOptions({ maxLength, learn, template, columns, date, skipBadRows }: Settled): DataOptions {
  return { maxLength, learn, template, columns, date, skipBadRows };
}

/** The options of a run that goes on from an adapter: what it says of itself, and the defaults of its method. */
export function adopt(o: Settled, adapter: Adapter): Settled {
  const { name, takes, adapters } = methodOf(adapter);
  if (o.given.method && o.given.method !== name)
    throw new Error(
      `expected --method ${name}, as the adapter was trained, got --method ${o.given.method}; leave it out. ` +
        'Blocks become a LoRA (export --format peft), a LoRA becomes no blocks, for it changes every value of a matrix: merge it and train the result',
    );
  if (o.given.loraLr !== undefined && !takes.includes('loraLr'))
    throw new Error(`expected --lora-lr with an adapter of smt+lora, got one of ${name}; leave it out.`);
  const { targets, ...words } = adapters!.words(adapter);
  const named = (targets as string[]).map((t) => t.replace(/_proj$/, ''));
  const adopted = { ...o.given, ...words, method: name, targets: TARGETS.filter((t) => named.includes(t)) };
  if (o.given.dropout !== undefined) adopted.dropout = o.given.dropout;
  const fault = faultOfOptimizer(adopted);
  if (fault) throw new Error(`${fault}.`);
  return { ...withDefaults(adopted), given: o.given };
}
