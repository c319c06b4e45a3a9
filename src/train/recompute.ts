// Whether a run keeps what its layers made or makes it again in the backward, decided by plans: `--recompute` and `--memory`.
// There is no way to ask WebGPU how much memory a device has, so that without --memory nothing is a limit.

import { parseSize } from '../options/size.ts';
import { bytes } from '../words.ts';

export interface Recompute {
  recompute: boolean;
  /** What was weighed, for people; null where nothing was. */
  shown: string | null;
}

interface Asked {
  recompute: 'auto' | 'on' | 'off';
  memory?: string;
}

/** Decides by the bytes that a run takes when layers are kept (false) and when they are made again (true). Throws where neither fits. */
export function settleRecompute(asked: Asked, bytesOf: (recompute: boolean) => number): Recompute {
  const { fault, ...settled } = weighRecompute(asked, bytesOf);
  if (fault) throw fault;
  return settled;
}

/** The same, with the fault told instead of thrown: a plan shows the figures all the same. */
export function weighRecompute(
  { recompute: asked, memory }: Asked,
  bytesOf: (recompute: boolean) => number,
): Recompute & { fault?: Error } {
  if (memory === undefined) return { recompute: asked === 'on', shown: null };
  const limit = parseSize(memory);
  const kept = asked === 'on' ? Number.POSITIVE_INFINITY : bytesOf(false);
  if (kept <= limit) return { recompute: false, shown: null };
  const again = asked === 'off' ? Number.POSITIVE_INFINITY : bytesOf(true);
  const why = `kept, layers would take ${bytes(kept)} in all, more than --memory ${memory}; made again in the backward they take ${bytes(again)}`;
  if (again <= limit) return { recompute: true, shown: asked === 'on' ? null : why };
  const [least, how, cure] =
    asked === 'off'
      ? [kept, '', 'leave --recompute off out, or lower']
      : [Math.min(kept, again), ' with layers made again in the backward', 'lower'];
  const fault = new Error(
    `expected a run within --memory ${memory} (${limit} bytes), got a plan of ${least} bytes${how}: ` +
      `${cure} --batch or --max-length, or store the base as --base q8_0.`,
  );
  return { recompute: asked !== 'off', shown: null, fault };
}
