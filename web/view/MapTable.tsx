// The map as a table: for small screens, and for who does not see it.

import { useState } from 'preact/hooks';
import { grouped } from '../format.ts';
import type { BlockFacts } from '../map/cells.ts';
import type { MapLayout } from '../map/layout.ts';
import { tableOf } from '../map/words.ts';

export function MapTable({ layout, facts }: { layout: MapLayout; facts: BlockFacts }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="map-table" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>As a table</summary>
      {open && <Lines layout={layout} facts={facts} />}
    </details>
  );
}

function Lines({ layout, facts }: { layout: MapLayout; facts: BlockFacts }) {
  const lines = tableOf(layout, facts);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="scroll" tabIndex={0} aria-label="Blocks that train, by layer and matrix">
      <table class="runs" data-testid="map-table">
        <thead>
          <tr>
            <th scope="col">Layer</th>
            {lines[0]?.cells.map(({ module, of }) => (
              <th key={module} scope="col">
                {module.replace('_proj', '')} <small>of {grouped(of)}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map(({ layer, cells }) => (
            <tr key={layer}>
              <th scope="row">{layer}</th>
              {cells.map(({ module, chosen, norm }) => (
                <td key={module} class={chosen ? '' : 'none'}>
                  {chosen}
                  {norm !== null && <small> moved {norm.toPrecision(2)}</small>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
