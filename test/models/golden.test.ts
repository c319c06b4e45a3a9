// Every family against PyTorch with the kernels of the adapter at hand, and without subgroups.
import { FAMILIES, type Family } from '../goldens/load.ts';
import { EVERYWHERE } from '../some.ts';
import { testGoldens } from './golden.ts';

const own = (families: readonly Family[]) => families.map((family): [Family, 'own'] => [family, 'own']);
const WHOLE: Family[] = ['llama3', 'qwen3'];

// software adapters in Node and Chromium take long over it
testGoldens(own('Deno' in globalThis ? WHOLE : ['llama3']), 'Deno' in globalThis);
if ('Deno' in globalThis) {
  testGoldens(own(FAMILIES.filter((family) => !WHOLE.includes(family))), EVERYWHERE);
  testGoldens(
    [
      ['llama3', 'without subgroups'],
      ['qwen3', 'without subgroups'],
    ],
    false,
  );
}
