// Bank conflicts of a kernel and the memory that a workgroup shares. What the first 32 invocations access at the same place of the text
// in the same turn of every loop is one access of theirs. Memory is 32 banks of 4 bytes; wider elements are served to as many
// invocations at a time as fill the banks (8 for a vec4f), as NVIDIA's hardware does it; the same word for several is served once.

import type { Dispatch } from '../../src/gpu/cost.ts';
import { type Access, accesses, LANES } from './lane.ts';
import { layout } from './values.ts';
import type { Module } from './wgsl.ts';

const BANKS = 32;

export interface Conflict {
  /** How many times an access is served; 1 is none, 0 where nothing is shared. */
  ways: number;
  /** Where in the text. */
  at: string;
}

/** The worst of a dispatch's kernel. */
export function worstConflict(m: Module, e: Pick<Dispatch, 'kernel' | 'params'>): Conflict {
  const worst = { ways: 0, at: '' };
  for (const { text, byLane } of accesses(m, e).values()) {
    const ways = waysOf(byLane);
    if (ways > worst.ways) Object.assign(worst, { ways, at: text });
  }
  return worst;
}

/** Bytes of workgroup memory: every variable at its alignment, one behind the other. */
export function workgroupBytes(m: Module): number {
  let bytes = 0;
  for (const { space, type } of m.variables.values())
    if (space === 'workgroup') {
      const { size, align } = layout(m, type);
      bytes = Math.ceil(bytes / align) * align + size;
    }
  return bytes;
}

function waysOf(byLane: Access['byLane']): number {
  const width = Math.max(4, ...[...byLane.values()].map((a) => a.size));
  const together = Math.max(1, Math.floor((4 * BANKS) / width));
  let ways = 1;
  for (let from = 0; from < LANES; from += together) {
    const words = Array.from({ length: BANKS }, () => new Set<number>());
    for (let lane = from; lane < Math.min(LANES, from + together); lane++) {
      const access = byLane.get(lane);
      if (!access) continue;
      for (let word = access.at >> 2; word < (access.at + access.size) / 4; word++) words[word % BANKS].add(word);
    }
    ways = Math.max(ways, ...words.map((w) => w.size));
  }
  return ways;
}
