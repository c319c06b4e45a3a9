// The page in a real browser. Chromium with SwiftShader where there is no GPU; CHROMIUM names another one, PORT another port.
import { defineConfig } from '@playwright/test';

const PORT = Number(process.env.PORT ?? 4173);
/** Where the page is built. Not dist/web, which the tests of the package build at the same time. */
export const BUILT = 'node_modules/.cache/page';

export default defineConfig({
  testDir: 'test/e2e',
  workers: 1,
  timeout: 240_000,
  reporter: 'list',
  use: {
    baseURL: `http://localhost:${PORT}`,
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--enable-unsafe-webgpu'] },
  },
  webServer: {
    command: `npx --no-install vite build --outDir ../${BUILT} && npx --no-install vite preview --outDir ../${BUILT} --port ${PORT} --strictPort`,
    url: `http://localhost:${PORT}`,
    reuseExistingServer: false, // it may be of another build
    timeout: 600_000,
  },
});
