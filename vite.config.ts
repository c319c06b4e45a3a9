import preact from '@preact/preset-vite';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

// Cross-origin isolation: SharedArrayBuffer and precise timers on the page.
const isolated = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const root = import.meta.dirname;
const chromium = { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--enable-unsafe-webgpu'] };
const gpu = ['test/gpu/**/*.test.ts', 'test/ops/**/*.test.ts', 'test/models/**/*.test.ts', 'test/methods/**/*.test.ts'];
const installed = ['test/package/*.test.ts'];
const shared = { setupFiles: ['test/setup.ts'], testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  root: 'web',
  base: './',
  appType: 'mpa', // a file that is not there is a 404, not the page: a model's optional files are asked for
  optimizeDeps: { entries: ['index.html', 'worker.ts'] },
  publicDir: '../demo/built-in',
  plugins: [preact()],
  build: { outDir: '../dist/web', license: { fileName: 'licenses.md' }, emptyOutDir: true, target: 'esnext' },
  worker: { format: 'es' },
  server: { headers: isolated, fs: { allow: ['..'] } },
  preview: { headers: isolated },
  test: {
    projects: [
      {
        root,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: installed, pool: 'forks', maxWorkers: 2, ...shared },
      },
      { root, test: { name: 'package', include: installed, ...shared } },
      { root, test: { name: 'node', include: gpu, pool: 'forks', maxWorkers: 2, ...shared } },
      {
        root,
        test: {
          name: 'browser',
          include: gpu,
          // minutes on SwiftShader, where Node runs it on the same driver; and a run by the command line, on disk
          exclude: ['test/methods/lora.test.ts', 'test/methods/topk.test.ts'],
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
