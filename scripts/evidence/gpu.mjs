// How long do steps take on this machine's GPU? Published shapes with random weights, in Node; the table of docs/gpu.md, by kernel below it
// on the terminal. Words, if any: only those cases, as MODEL:ROWSxTOKENS:METHOD (SmolLM2-135M:4x128:smt).
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { build } from 'vite';
import { root } from './tables/differential.mjs';

export async function run(words) {
  const folder = mkdtempSync(join(root, 'node_modules/.gpu-')); // beside the packages that it imports
  try {
    await build({
      configFile: false,
      root,
      publicDir: false,
      logLevel: 'warn',
      build: {
        outDir: folder,
        target: 'es2023',
        minify: false,
        lib: { entry: 'scripts/evidence/gpu/steps.ts', formats: ['es'], fileName: () => 'steps.mjs' },
        rolldownOptions: { external: (id) => isBuiltin(id) || id === 'webgpu' },
      },
    });
    return spawnSync(process.execPath, [join(folder, 'steps.mjs'), root, ...words], { stdio: 'inherit' }).status ?? 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
