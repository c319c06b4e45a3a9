// The part of the command line that --runtime chrome runs in a page, with everything in it, as dist/chrome.
import { defineConfig } from 'vite';

export default defineConfig({
  publicDir: false,
  define: { 'import.meta.dirname': 'globalThis.blocktuneDirname' }, // the host says it: a page lies in no folder
  build: {
    outDir: 'dist/chrome',
    license: { fileName: 'licenses.md' }, // of the packages that are built in
    emptyOutDir: false,
    target: 'esnext',
    minify: true,
    lib: { entry: { page: 'src/cli/chrome/page.ts' }, formats: ['es'] },
    rolldownOptions: { external: ['onnxruntime-web'], output: { codeSplitting: false } },
  },
});
