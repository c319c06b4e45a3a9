// Whose adapter answers: the last run's, an earlier one's, or one that is opened.

import { adapters, by, openAdapter, saidOf } from '../adapters.ts';
import { sortFiles } from '../files.ts';
import { asking, result, running } from '../store.ts';
import { Choice } from './Choice.tsx';
import { Files } from './Files.tsx';

export function Adapters() {
  const last = result.value ? 'the last run' : 'none';
  return (
    <div class="choices">
      {adapters.value.length > 0 && (
        <Choice
          id="by"
          label="Adapter"
          value={by.value}
          of={[['', last], ...adapters.value]}
          choose={(value) => {
            by.value = value;
          }}
          inline
        />
      )}
      {!running.value && !asking.value && (
        <Files several testid="adapter-files" take={take}>
          Open an adapter
        </Files>
      )}
      {saidOf.value.map((text) => (
        <p key={text} class="warn">
          {text}
        </p>
      ))}
    </div>
  );
}

function take(files: Parameters<typeof sortFiles>[0]) {
  const { adapter, refused } = sortFiles(files);
  if (adapter) void openAdapter(adapter);
  else saidOf.value = refused.length ? refused : ['Choose both of its files, adapter_config.json and adapter_model.safetensors.'];
}
