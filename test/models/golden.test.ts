// Every family against PyTorch with the kernels of the adapter at hand, and without subgroups.
import { FAMILIES } from '../goldens/load.ts';
import { testGoldens } from './golden.ts';

// software adapters in Node and Chromium take long over it
const families = 'Deno' in globalThis ? FAMILIES : ([FAMILIES[0]] as const);

testGoldens(
  families.map((family) => [family, 'own']),
  'Deno' in globalThis,
);
if ('Deno' in globalThis)
  testGoldens(
    [
      ['llama3', 'without subgroups'],
      ['qwen3', 'without subgroups'],
    ],
    false,
  );
