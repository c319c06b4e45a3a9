// Parts of what was trained switched off for the next answers, by layer here and by block on the map.

import { grouped } from '../../format.ts';
import { allOn, layers, offBlocks, toggleLayer, trained } from '../ablation.ts';

export function Ablation() {
  if (!trained.value.length) return null;
  const n = offBlocks.value.length;
  return (
    <fieldset class="ablation" data-testid="ablation">
      <legend>Switch off</legend>
      <div class="choices">
        {layers.value.map(({ layer, of, off }) => (
          <button
            key={layer}
            type="button"
            class="button small"
            aria-pressed={off === of ? 'true' : off ? 'mixed' : 'false'}
            onClick={() => toggleLayer(layer)}
            title={`${of - off} of ${of} blocks of this layer act`}
          >
            Layer {layer}
          </button>
        ))}
        {n > 0 && (
          <button type="button" class="link" onClick={allOn}>
            All on
          </button>
        )}
      </div>
      <p class="hint">
        {n
          ? `${grouped(n)} of ${grouped(trained.value.length)} blocks are off: the next answer is given without them too, and the held-out loss measured.`
          : 'Layers here, single blocks on the map or in its table: the next answer and the held-out loss show what they do.'}
      </p>
    </fieldset>
  );
}
