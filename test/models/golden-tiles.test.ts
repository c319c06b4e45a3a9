// A plain family and one with norms of q and k against PyTorch, with the kernels of GPUs: everything with the usual tiles.
import { EVERYWHERE } from '../some.ts';
import { testGoldens } from './golden.ts';

testGoldens([['qwen3', 'tiles']], 'Deno' in globalThis);
if ('Deno' in globalThis) {
  testGoldens([['llama3', 'tiles']], EVERYWHERE);
  testGoldens([['qwen3', 'large tiles']], false);
  if (EVERYWHERE) testGoldens([['llama3', 'large tiles']], false); // which differs from the one before in no product
}
