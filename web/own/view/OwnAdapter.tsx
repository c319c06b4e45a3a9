// The GPU that computes for one's own model and data, by name.

import { AdapterName } from '../../view/AdapterName.tsx';
import { gpu } from '../store.ts';

export function OwnAdapter() {
  const g = gpu.value;
  return (
    <AdapterName gpu={g.state === 'there' ? g.value : null} otherwise={g.state === 'failed' ? 'no GPU' : 'looking for a GPU'} />
  );
}
