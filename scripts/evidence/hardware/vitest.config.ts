// The tests with every adapter treated as hardware.
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { pretendHardware } from '../../../test/hardware/pretend.ts';

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  plugins: [pretendHardware()],
  test: {
    include: ['test/**/*.test.ts', 'test/hardware/pretended.hw.ts'],
    setupFiles: ['test/setup.ts'],
    // shaders compile for minutes on SwiftShader, and for ten of them on a busy machine
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
