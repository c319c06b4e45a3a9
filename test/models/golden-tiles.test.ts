// A plain family and one with norms of q and k against PyTorch, with the kernels of GPUs: everything with the usual tiles.
import { testGoldens } from './golden.ts';

testGoldens([['qwen3', 'tiles']], 'Deno' in globalThis);
if ('Deno' in globalThis) {
  testGoldens([['llama3', 'tiles']], true);
  testGoldens(
    [
      ['llama3', 'large tiles'],
      ['qwen3', 'large tiles'],
    ],
    false,
  );
}
