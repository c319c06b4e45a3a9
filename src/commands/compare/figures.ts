// The charts of a comparison as data: which points lie on which line.

import type { Summary } from '../../report.ts';
import type { Document } from './document.ts';
import type { Result } from './result.ts';

interface Point {
  x: number;
  y: number;
  min?: number;
  max?: number;
}

/** What the report's script draws. range: of the y axis. */
export interface Figure {
  kind: 'plateau' | 'curves';
  title: string;
  caption: string;
  percent: boolean;
  /** On a logarithmic y axis. */
  log: boolean;
  range: [number, number];
  series: { method: string; points: Point[] }[];
  /** Figures without a size, as lines across. */
  lines: { name: string; method: string | null; y: number }[];
}

/** Held-out loss, exact answers and forgetting against the trainable share, where there are at least two sizes. */
export function plateaus({ summary }: Document): Figure[] {
  const sized = summary.filter((s) => s.size !== null);
  if (new Set(sized.map((s) => s.size)).size < 2) return [];
  const kinds: { title: string; caption: string; percent: boolean; of(s: Summary): Summary['exact'] }[] = [
    { title: 'Held-out loss', caption: 'nats a target; lower is better', percent: false, of: (s) => s.loss },
    { title: 'Exact answers', caption: 'share of held-out rows answered as they are', percent: true, of: (s) => s.exact },
    { title: 'Forgetting', caption: 'rise of the loss on the guard rows, nats a target', percent: false, of: (s) => s.forgot },
  ];
  return kinds.flatMap(({ of, ...kind }) => {
    if (!sized.some(of)) return [];
    const series = methodsOf(sized).map((method) => ({
      method,
      points: sized.flatMap((s) => {
        const figure = s.method === method ? of(s) : null;
        return figure ? [{ x: s.share_targets, y: figure.mean, min: figure.min, max: figure.max }] : [];
      }),
    }));
    const lines = summary.flatMap((s) => {
      const figure = s.size === null ? of(s) : null;
      return figure ? [{ name: s.method, method: s.trainable ? s.method : null, y: figure.mean }] : [];
    });
    const ends = series.flatMap((s) => s.points.flatMap((p) => [p.min!, p.max!]));
    const near = [...ends, ...lines.filter((l) => l.method).map((l) => l.y)];
    return [
      {
        kind: 'plateau' as const,
        ...kind,
        ...(kind.percent ? { log: false, range: [-0.03, 1.03] as [number, number] } : scaleOf(near)),
        series,
        lines,
      },
    ];
  });
}

/** Held-out loss by step, a chart for each size; training loss, smoothed, where it was looked at only once. */
export function curves({ summary, results }: Document): Figure[] {
  const sizes = [...new Set(summary.filter((s) => s.trainable).map((s) => s.size))];
  const everywhere = summary.filter((s) => s.size === null && s.trainable);
  return sizes
    .filter((size) => size !== null || sizes.length === 1)
    .map((size) => {
      const shown = [...summary.filter((s) => s.size === size && s.trainable), ...(size === null ? [] : everywhere)];
      const runs = shown.map((s) => firstRun(results, s));
      const evaluated = runs.every((r) => r.evals.length > 1);
      const series = runs.map((r) => ({
        method: r.method,
        points: evaluated ? r.evals.map(({ step, loss }) => ({ x: step, y: loss })) : smoothed(r.curve),
      }));
      return {
        kind: 'curves' as const,
        title: size === null ? 'Loss by step' : `Loss by step at ${sizeWords(size)}`,
        caption: `${evaluated ? 'held-out loss' : 'training loss, mean of the last 10 steps'}, first seed`,
        percent: false,
        ...scaleOf(series.flatMap((s) => s.points.map((p) => p.y))),
        series,
        lines: [],
      };
    });
}

/** What trains; the base itself is none. */
export function methodsOf(summary: { method: string; trainable: number }[]): string[] {
  return [...new Set(summary.filter((s) => s.trainable).map((s) => s.method))];
}

/** The run of a row's first seed. */
export function firstRun(results: Result[], { method, size, lr }: Pick<Summary, 'method' | 'size' | 'lr'>): Result {
  return results.find((r) => r.method === method && r.size === size && r.lr === lr)!;
}

/** 5%t is 5 % of the targets. */
export function sizeWords(size: string): string {
  const [, amount, unit] = size.match(/^(.*?)(%t|%|b)$/i) ?? [];
  if (!unit) return size;
  return `${amount} ${unit === 'b' ? 'blocks' : unit === '%' ? '% of the model' : '% of the targets'}`;
}

function smoothed(curve: number[]): Point[] {
  return curve.map((_, i) => {
    const last = curve.slice(Math.max(0, i - 9), i + 1);
    return { x: i + 1, y: last.reduce((a, b) => a + b, 0) / last.length };
  });
}

/** A y axis around values: logarithmic where they are positive and far apart. */
function scaleOf(values: number[]): { log: boolean; range: [number, number] } {
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  if (low > 0 && high > 6 * low) return { log: true, range: [low / 1.15, high * 1.15] };
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return { log: false, range: [low - room, high + room] };
}
