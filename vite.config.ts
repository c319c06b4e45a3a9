import { join } from 'node:path';
import preact from '@preact/preset-vite';
import { playwright } from '@vitest/browser-playwright';
import type { Plugin, Rolldown } from 'vite';
import { defineConfig } from 'vitest/config';
import { leanModules, leanShaders } from './scripts/build/lean.ts';
import { pretendHardware } from './test/hardware/pretend.ts';

/**
 * The worker's address as a module: `virtual:worker`. Built with the page, not apart from it as Vite builds workers, it shares the
 * engine with the page's forms, which would else be shipped twice.
 */
function sharedWorker(): Plugin {
  const id = 'virtual:worker';
  let file: string | undefined;
  let root = '';
  return {
    name: 'shared-worker',
    configResolved: (config) => void (root = config.root),
    buildStart() {
      if (this.environment.mode === 'build') file = this.emitFile({ type: 'chunk', id: join(root, 'worker.ts'), name: 'worker' });
    },
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load(source) {
      if (source !== `\0${id}`) return undefined;
      return `export default ${file ? `import.meta.ROLLUP_FILE_URL_${file}` : "'/worker.ts'"};`;
    },
  };
}

/** Nothing but the page's own scripts, styles and files, and what a person asks for by its address. Of the built page: Vite's own needs more. */
const policy = {
  'default-src': "'none'",
  'script-src': "'self' 'wasm-unsafe-eval'", // onnxruntime-web, by which an export is checked, is WebAssembly
  'worker-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'connect-src': "'self' http: https:",
  'base-uri': "'self'",
  'form-action': "'none'",
};

/** Asked for by the forms and by exports, and small: a file of its own costs more. */
const COMMANDS = /options\Wcommand-line\.ts$/;

/**
 * One chunk, 'engine', of what the worker is made of, whoever else needs some of it later: cut by who does, it is many small ones,
 * which together are larger. What the page needs to be drawn stays out of it.
 */
function engine(worker: string, page: string): Rolldown.CodeSplittingGroup {
  const reached = (from: string, graph: Rolldown.ChunkingContext) => {
    const all = new Set([from]);
    for (const one of all) for (const next of graph.getModuleInfo(one)?.importedIds ?? []) all.add(next);
    return all;
  };
  let [ofWorker, ofPage] = [new Set<string>(), new Set<string>()];
  return {
    debugName: 'engine',
    includeDependenciesRecursively: false,
    name(id, graph) {
      if (!ofWorker.size) [ofWorker, ofPage] = [reached(worker, graph), reached(page, graph)];
      return id !== worker && (ofWorker.has(id) || COMMANDS.test(id)) && !ofPage.has(id) ? 'engine' : null;
    },
  };
}

function contentPolicy(): Plugin {
  const content = Object.entries(policy).map(([name, from]) => `${name} ${from}`);
  const tag = { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: content.join('; ') } };
  return { name: 'content-policy', apply: 'build', transformIndexHtml: () => [{ ...tag, injectTo: 'head-prepend' as const }] };
}

// Cross-origin isolation: SharedArrayBuffer and precise timers on the page.
const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const root = import.meta.dirname;
const chromium = { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--enable-unsafe-webgpu'] };
const gpu = ['test/gpu/**/*.test.ts', 'test/ops/**/*.test.ts', 'test/models/**/*.test.ts', 'test/methods/**/*.test.ts'];
/** Whole runs with the kernels of a GPU; products and models have them in their own tests, the rest is evidence. */
const asHardware = ['test/hardware/pretended.hw.ts', 'test/methods/**/*.test.ts', 'test/train/warmup.test.ts'];
const inBrowser = ['test/browser/*.test.ts'];
/** `npm run evidence everywhere`: the engine's whole tests in Node and Chromium too, not what differs from one runtime to the next. */
const everywhere = process.env.EVERYWHERE === '1';
/** `npm run evidence lost`, in Node. */
const lost = ['test/train/lost.test.ts'];
/** Minutes on SwiftShader each; their kernels have tests of their own. */
const long = ['lora', 'muon', 'smt-lora', 'topk']
  .map((name) => `test/methods/${name}.test.ts`)
  .concat('test/models/golden-families.test.ts');
const installed = ['test/package/*.test.ts'];
/** One more than the processors of a small machine: a third of a test's time in Deno is waiting, for a program or for llvmpipe. */
const IN_DENO = 3;
const shared = {
  setupFiles: ['test/setup.ts'],
  // for what hangs, not for what is slow: of a machine that does other things besides, a test may get a tenth
  testTimeout: 600_000,
  hookTimeout: 600_000,
  // read by test/some.ts and test/gpu/run.test.ts
  env: { EVERYWHERE: everywhere ? '1' : '', REPEATS: process.env.REPEATS ?? '' },
};

export default defineConfig({
  root: 'web',
  base: './',
  appType: 'mpa', // a file that is not there is a 404, not the page: a model's optional files are asked for
  optimizeDeps: { entries: ['index.html', 'worker.ts'], exclude: ['onnxruntime-web'] },
  // what runs on processors alone: half as large
  resolve: { alias: [{ find: /^onnxruntime-web$/, replacement: 'onnxruntime-web/wasm' }] },
  publicDir: '../demo/built-in',
  plugins: [preact(), sharedWorker(), leanShaders(), leanModules(), contentPolicy()],
  build: {
    // a browser with WebGPU preloads modules by itself; a worker has no document to put links to preload into
    modulePreload: { polyfill: false, resolveDependencies: (_, deps, { hostType }) => (hostType === 'html' ? deps : []) },
    outDir: '../dist/web',
    license: { fileName: 'licenses.md' },
    emptyOutDir: true,
    target: 'esnext',
    minify: 'terser', // 1.4 kB smaller by brotli than Vite's own
    // never pure_getters: a signal is read for what then hangs on it
    terserOptions: { module: true, ecma: 2020, compress: { passes: 3, inline: 1, comparisons: false } },
    chunkSizeWarningLimit: 700,
    // what reads a GGUF is asked for together
    rolldownOptions: {
      checks: { bundlerTimings: false },
      output: {
        codeSplitting: {
          groups: [
            {
              name: 'gguf',
              test: /src.io.(gguf|gguf-model|gguf-tokenizer|config-gguf|gguf-form|gguf-rope)\.ts$/,
              priority: 1,
              includeDependenciesRecursively: false,
            },
            engine(join(root, 'web/worker.ts'), join(root, 'web/main.tsx')),
          ],
        },
      },
    },
  },
  server: { headers: isolated, fs: { allow: ['..'] } },
  preview: { headers: isolated },
  test: {
    projects: [
      {
        root,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...installed, ...inBrowser],
          pool: 'forks',
          maxWorkers: IN_DENO,
          ...shared,
        },
      },
      { root, test: { name: 'package', include: installed, ...shared } },
      {
        root,
        plugins: [pretendHardware()],
        test: { name: 'hardware', include: asHardware, pool: 'forks', maxWorkers: IN_DENO, ...shared },
      },
      {
        root,
        test: {
          name: 'node',
          include: everywhere ? [...gpu, ...lost] : gpu,
          exclude: everywhere ? [] : [...long, 'test/gpu/hardware.test.ts'], // it is Tint's word, which Chromium gives four times as fast
          pool: 'forks',
          maxWorkers: 2,
          ...shared,
        },
      },
      {
        root,
        test: {
          name: 'browser',
          // Chromium's WebGPU is Node's, Dawn on SwiftShader: what a browser is host to, and a model's steps
          include: everywhere
            ? [...gpu, ...inBrowser]
            : [gpu[0], 'test/models/golden.test.ts', 'test/ops/gemm.test.ts', ...inBrowser],
          exclude: long, // a run by the command line, on disk, is among them
          ...shared,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: chromium }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
