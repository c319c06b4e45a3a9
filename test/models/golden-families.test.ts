// The other families against PyTorch with the kernels of GPUs: biases, linear RoPE, layers without positions, windows.
import { FAMILIES } from '../goldens/load.ts';
import { testGoldens } from './golden.ts';

testGoldens(
  FAMILIES.filter((family) => !['llama3', 'qwen3'].includes(family)).map((family) => [family, 'tiles']),
  false,
);
