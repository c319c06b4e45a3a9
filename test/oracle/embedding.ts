// f64 reference of the embedding: gather rows of a table, and scatter gradients back to them.
import type { Numbers } from '../compare.ts';

/** y[N,D] = the rows ids[N] of table[V,D]. */
export function embedding(table: Numbers, ids: Numbers, D: number): Float64Array {
  const y = new Float64Array(ids.length * D);
  for (let t = 0; t < ids.length; t++) for (let d = 0; d < D; d++) y[t * D + d] = table[ids[t] * D + d];
  return y;
}

/** dtable[V,D]: the rows of dy[N,D] added up by id; an id that occurs twice gets both. */
export function embeddingBackward(dy: Numbers, ids: Numbers, V: number, D: number): Float64Array {
  const dtable = new Float64Array(V * D);
  for (let t = 0; t < ids.length; t++) for (let d = 0; d < D; d++) dtable[ids[t] * D + d] += dy[t * D + d];
  return dtable;
}
