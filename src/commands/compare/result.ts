// What one run of a comparison came to, and what all of a method's runs at one size say together.

import type { BlockPlace, OverSeeds, RunFigures, Summary } from '../../report.ts';

export interface Result extends RunFigures {
  /** Training loss of every step, and held-out loss by step. */
  curve: number[];
  evals: { step: number; loss: number }[];
  blocks: { block: number; moved: (BlockPlace & { share: number })[] } | null;
  /** The options that made it, and the terms that held for all runs: a result is taken up again only by the same. */
  settings: Record<string, unknown>;
}

/** One row a method and size, in the order of the results, each by its best learning rate (the one that all seeds ran). */
export function summarize(results: Result[]): Summary[] {
  const groups = new Map<string, Result[]>();
  for (const r of results) {
    const key = `${r.method} ${r.size}`;
    groups.set(key, [...(groups.get(key) ?? []), r]);
  }
  return [...groups.values()].map((all) => {
    const lr = bestRate(all);
    const runs = all.filter((r) => r.lr === lr);
    const [first] = runs;
    const exact = runs.flatMap((r) => (r.exact ? [r.exact.right / r.exact.of] : []));
    const forgot = runs.flatMap((r) => (r.guard ? [r.guard.after - r.guard.before] : []));
    return {
      method: first.method,
      size: first.size,
      lr,
      runs: runs.length,
      trainable: first.trainable,
      share_targets: first.share_targets,
      share_model: first.share_model,
      loss: overSeeds(runs.map((r) => r.loss)),
      exact: exact.length ? overSeeds(exact) : null,
      forgot: forgot.length ? overSeeds(forgot) : null,
      device_bytes: first.device_bytes,
      adapter_bytes: first.adapter_bytes,
      tokens_per_second: median(runs.map((r) => r.tokens_per_second)),
      seconds: median(runs.map((r) => r.warmup_seconds + r.seconds)),
    };
  });
}

/** The learning rate with the lowest held-out loss on the first seed, among those tried. Not finite counts as worst. */
export function bestRate(results: Result[]): number {
  const first = results.filter((r) => r.seed === results[0].seed);
  const worth = (r: Result) => (Number.isFinite(r.loss) ? r.loss : Number.POSITIVE_INFINITY);
  return first.reduce((best, r) => (worth(r) < worth(best) ? r : best)).lr;
}

export function overSeeds(values: number[]): OverSeeds {
  return { mean: values.reduce((a, b) => a + b, 0) / values.length, min: Math.min(...values), max: Math.max(...values) };
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length === 0 ? 0 : sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
