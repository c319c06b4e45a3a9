// Where values lie within what is saved of a run. Tensors that are moved alike are saved as the arenas they lie in, whose sizes do not tell
// in which order they do.

import { sha256 } from '../io/hash.ts';
import type { Trained } from '../ops/optimizer/trained.ts';

/** How what trains lies in the tensors that are saved of it: a sum of names, places and shapes. */
export async function layoutOf(trained: readonly Trained[]): Promise<string> {
  const places = trained.map(({ value, parts }) => [value.name, parts.map((t) => [t.name, t.start - value.start, ...t.shape])]);
  return sha256(new TextEncoder().encode(JSON.stringify(places)));
}
