// Whether a run keeps what its layers made or makes it again in the backward, decided by plans: `--recompute` and `--memory`.
// There is no way to ask WebGPU how much memory a device has, so that without --memory nothing is a limit.

import { parseSize } from '../size.ts';

export interface Recompute {
  recompute: boolean;
  /** What was weighed, for people; null where nothing was. */
  shown: string | null;
}

/** Decides by the bytes that a run takes when layers are kept (false) and when they are made again (true). Throws where neither fits. */
export function settleRecompute(
  { recompute: asked, memory }: { recompute: 'auto' | 'on' | 'off'; memory?: string },
  bytesOf: (recompute: boolean) => number,
): Recompute {
  if (memory === undefined) return { recompute: asked === 'on', shown: null };
  const limit = parseSize(memory);
  const kept = asked === 'on' ? Number.POSITIVE_INFINITY : bytesOf(false);
  if (kept <= limit) return { recompute: false, shown: null };
  const again = asked === 'off' ? Number.POSITIVE_INFINITY : bytesOf(true);
  if (again <= limit)
    return {
      recompute: true,
      shown:
        asked === 'on'
          ? null
          : `layers are made again in the backward: kept they would take ${kept} bytes in all, more than --memory ${memory}; so it takes ${again}`,
    };
  const least = Math.min(kept, again);
  const cure = asked === 'off' ? 'leave --recompute off out, or lower' : 'lower';
  throw new Error(
    `expected a run within --memory ${memory} (${limit} bytes), got a plan of ${least} bytes${asked === 'off' ? '' : ' with layers made again'}: ` +
      `${cure} --batch or --max-length, or store the base as --base q8_0.`,
  );
}
