// The map as a table: for small screens, and for who does not see it. Where blocks can be switched off, each matrix lists its own.

import { useState } from 'preact/hooks';
import type { BlockPlace } from '../../src/report.ts';
import { grouped } from '../format.ts';
import { type BlockFacts, blockKey, matrixKey } from '../map/cells.ts';
import type { MapLayout } from '../map/layout.ts';
import { chosenOf, tableOf } from '../map/words.ts';

interface Props {
  layout: MapLayout;
  facts: BlockFacts;
  /** Switches a chosen block off, or on again. */
  pick?: (block: BlockPlace) => void;
}

type OfMatrix = Pick<BlockPlace, 'layer' | 'module'>;

export function MapTable(props: Props) {
  const [open, setOpen] = useState(false);
  return (
    <details class="map-table" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>As a table</summary>
      {open && <Lines {...props} />}
    </details>
  );
}

function Lines({ layout, facts, pick }: Props) {
  const [shown, setShown] = useState<OfMatrix | null>(null);
  const lines = tableOf(layout, facts);
  const show = (matrix: OfMatrix) => setShown(isShown(matrix) ? null : matrix);
  const isShown = (matrix: OfMatrix) => shown !== null && matrixKey(shown) === matrixKey(matrix);
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
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
                    {pick && chosen > 0 ? (
                      <button
                        type="button"
                        class="link"
                        aria-expanded={isShown({ layer, module })}
                        aria-label={`${chosen} blocks of layer ${layer}, ${module}`}
                        onClick={() => show({ layer, module })}
                      >
                        {chosen}
                      </button>
                    ) : (
                      chosen
                    )}
                    {norm !== null && <small> moved {norm.toPrecision(2)}</small>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {pick && shown && <Blocks key={matrixKey(shown)} matrix={shown} facts={facts} pick={pick} />}
    </>
  );
}

/** Blocks that are listed at once. */
const MANY = 60;

function Blocks({ matrix, facts, pick }: { matrix: OfMatrix; facts: BlockFacts; pick: (block: BlockPlace) => void }) {
  const [most, setMost] = useState(MANY);
  const blocks = chosenOf(matrix, facts);
  return (
    <fieldset class="ablation" data-testid="map-blocks">
      <legend>
        Switch off blocks of layer {matrix.layer}, {matrix.module}
      </legend>
      <div class="choices">
        {blocks.slice(0, most).map(({ block, norm, off }) => (
          <button
            key={blockKey(block)}
            type="button"
            class="button small"
            aria-pressed={off}
            onClick={() => pick(block)}
            title={norm === null ? undefined : `Moved by ${norm.toPrecision(3)}`}
          >
            Row {block.row}, column {block.col}
          </button>
        ))}
        {blocks.length > most && (
          <button type="button" class="link" onClick={() => setMost(most + MANY)}>
            {grouped(blocks.length - most)} more
          </button>
        )}
      </div>
    </fieldset>
  );
}
