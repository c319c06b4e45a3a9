// Whether a run keeps what its layers made or makes it again in the backward, decided by plans.
// There is no way to ask WebGPU how much memory a device has, so that without a limit given nothing is one.

import type { Planning } from '../gpu/limits.ts';
import type { Method } from '../methods/method.ts';
import type { Decoder } from '../models/decoder.ts';
import { setting } from '../setting.ts';
import { parseSize } from '../size.ts';
import { bytes } from '../words.ts';
import { type PlanOptions, runBytes } from './plans.ts';

/** What a run may take of the device, and how it comes by with less. */
export interface MemoryOptions {
  /** Make again what a layer kept for the backward; auto: where `memory` would not do without. */
  recompute: 'auto' | 'on' | 'off';
  /** Most device bytes that the run may take, such as 6GB. */
  memory?: string;
}

export interface Recompute {
  recompute: boolean;
  /** What was weighed, for people; null where nothing was. */
  shown: string | null;
}

/** Decides by the bytes that a run takes when layers are kept and when they are made again. Throws where neither fits. */
export function settleRecompute(d: Decoder, method: Method, o: PlanOptions, planning: Planning, asked: MemoryOptions): Recompute {
  const { fault, ...settled } = weighRecompute(asked, (recompute) => runBytes(d, method, { ...o, recompute }, planning));
  if (fault) throw fault;
  return settled;
}

/** By the bytes of a run with layers kept (false) and made again (true); the fault is told, not thrown: a plan shows the figures all the same. */
export function weighRecompute(
  { recompute: asked, memory }: MemoryOptions,
  bytesOf: (recompute: boolean) => number,
): Recompute & { fault?: Error } {
  if (memory === undefined) return { recompute: asked === 'on', shown: null };
  const limit = parseSize(memory);
  const kept = asked === 'on' ? Number.POSITIVE_INFINITY : bytesOf(false);
  if (kept <= limit) return { recompute: false, shown: null };
  const again = asked === 'off' ? Number.POSITIVE_INFINITY : bytesOf(true);
  const why = `kept, layers would take ${bytes(kept)} in all, more than ${setting('memory')} ${memory}; made again in the backward they take ${bytes(again)}`;
  if (again <= limit) return { recompute: true, shown: asked === 'on' ? null : why };
  const [least, how, cure] =
    asked === 'off'
      ? [kept, '', `leave ${setting('recompute')} off out, or lower`]
      : [Math.min(kept, again), ' with layers made again in the backward', 'lower'];
  const fault = new Error(
    `expected a run within ${setting('memory')} ${memory} (${limit} bytes), got a plan of ${least} bytes${how}: ` +
      `${cure} ${setting('batch')} or ${setting('maxLength')}, or store the base as ${setting('base')} q8_0.`,
  );
  return { recompute: asked !== 'off', shown: null, fault };
}
