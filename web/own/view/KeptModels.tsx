// Models of the web that are kept in this browser: how large, opened again, deleted.

import { useEffect } from 'preact/hooks';
import { bytes } from '../../format.ts';
import { deleteModel, keptModels, lookForModels, promised } from '../kept-models.ts';
import { chooseModel, gpu, model, modelFrom } from '../store.ts';

export function KeptModels() {
  const state = model.value.state;
  useEffect(() => {
    if (state !== 'busy' && gpu.value.state === 'there') void lookForModels();
  }, [state, gpu.value.state]);
  const from = modelFrom.value;
  const open = from && 'address' in from ? from.address : null;
  if (!keptModels.value.length) return null;
  return (
    <div class="kept" data-testid="kept-models">
      <h3>Kept in this browser</h3>
      <ul>
        {keptModels.value.map(({ key, name, address, bytes: size, partial }) => (
          <li key={key}>
            <p class="file">
              {name} <span class="size">{`${bytes(size)}${partial ? ', not whole yet' : ''}`}</span>
            </p>
            <button
              type="button"
              class="button small"
              disabled={state === 'busy' || (open === address && state === 'there')}
              onClick={() => chooseModel({ name, address })}
              aria-label={`Open ${name}`}
            >
              Open
            </button>
            <button
              type="button"
              class="button small quiet"
              disabled={open === address && state !== 'failed'}
              onClick={() => deleteModel(key)}
              aria-label={`Delete ${name} from this browser`}
            >
              Delete
            </button>
          </li>
        ))}
      </ul>
      {promised.value !== null && (
        <p class="hint">
          {promised.value
            ? 'The browser has promised to keep them.'
            : 'The browser may clear them when it runs short of room: it has promised nothing.'}
        </p>
      )}
    </div>
  );
}
