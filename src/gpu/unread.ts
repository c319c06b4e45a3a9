// Dispatches whose results nobody reads, taken out of a part of a program. A layer that is traced again for its backward makes
// its output a second time, which only its first trace was asked for.

import type { Entry } from './entry.ts';
import type { Tensor } from './tensor.ts';

/** Removes the entries from `first` to before `end` that write nothing but temporaries that no later entry reads. */
export function dropUnread(p: { entries: Entry[] }, first: number, end: number): void {
  const used = new Set<Tensor>();
  const kept: Entry[] = [];
  for (let i = p.entries.length - 1; i >= first; i--) {
    const e = p.entries[i];
    if (i < end && writtenBy(e).every((t) => !t.home && !used.has(t))) continue;
    for (const t of e.op === 'run' ? e.bind : e.op === 'copy' ? [e.from, e.to] : [e.to]) used.add(t);
    kept.push(e);
  }
  p.entries.splice(first, p.entries.length - first, ...kept.reverse());
}

function writtenBy(e: Entry): Tensor[] {
  if (e.op !== 'run') return [e.to];
  const kinds = e.kernel.linked.bindings.filter((b) => b.kind !== 'uniform');
  return e.bind.filter((_, i) => kinds[i].kind === 'read_write');
}
