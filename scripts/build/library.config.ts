// The library and the command line as ES modules in dist/, the shaders inside as text. The page is vite.config.ts.
import { defineConfig } from 'vite';
import manifest from '../../package.json' with { type: 'json' };

const installed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

export default defineConfig({
  publicDir: false,
  build: {
    outDir: 'dist',
    license: { fileName: 'licenses.md' }, // of the packages that are built in
    emptyOutDir: false, // a checkout builds beside a command that runs; npm run build starts from nothing
    target: 'es2023',
    minify: false,
    lib: { entry: { index: 'src/index.ts', cli: 'src/cli/main.ts' }, formats: ['es'] },
    rolldownOptions: {
      external: (id) => id.startsWith('node:') || installed.some((name) => id === name || id.startsWith(`${name}/`)),
      output: { chunkFileNames: 'chunks/[name].js' },
    },
  },
});
