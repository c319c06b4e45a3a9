// Lengths of the rows as bars, with the mark at which they are cut.

import { grouped } from '../../format.ts';
import type { DataFacts } from '../calls.ts';
import { histogram, median } from '../histogram.ts';
import { several } from '../several.ts';

export function Lengths({ facts, longest }: { facts: DataFacts; longest: number }) {
  const { lengths, cut } = facts;
  const bars = histogram(lengths);
  if (!bars.length) return null;
  const most = Math.max(...bars.map(({ rows }) => rows));
  const end = bars.at(-1)!.to;
  const [shortest, largest] = [lengths.reduce((a, b) => Math.min(a, b)), lengths.reduce((a, b) => Math.max(a, b))];
  const words = `Rows have ${grouped(shortest)} to ${grouped(largest)} tokens, half of them at most ${grouped(median(lengths))}.`;
  const cutWords = cut
    ? `${several(cut, 'row')} ${cut === 1 ? 'is' : 'are'} cut at ${grouped(longest)}.`
    : `None is cut: a row may have ${grouped(longest)}.`;
  return (
    <figure class="lengths" data-testid="lengths">
      <div class="bars" role="img" aria-label={`Histogram of lengths. ${words} ${cutWords}`}>
        {bars.map((bar) => (
          <span
            key={bar.from}
            class={bar.from > longest ? 'bar-of beyond' : 'bar-of'}
            style={{ height: `${bar.rows ? Math.max(3, (100 * bar.rows) / most) : 0}%` }}
            title={`${grouped(bar.from)} to ${grouped(bar.to)} tokens: ${several(bar.rows, 'row')}`}
          />
        ))}
        {longest < end && <span class="cut-line" style={{ left: `${(100 * longest) / end}%` }} />}
      </div>
      <div class="edges" aria-hidden="true">
        <span>1</span>
        <span>{grouped(end)} tokens</span>
      </div>
      <figcaption>
        {words} <span class={cut ? 'warn' : ''}>{cutWords}</span>
      </figcaption>
    </figure>
  );
}
