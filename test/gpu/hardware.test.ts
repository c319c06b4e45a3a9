// Every kernel that hardware may run is WGSL to naga and to Tint, and compiles within seconds where the driver is not SwiftShader,
// which optimizes for a hundred of them: there the text alone is checked.
import { expect, test } from 'vitest';
import { pipelineOf } from '../../src/gpu/run.ts';
import { hardwareDispatches } from '../hardware/kernels.ts';
import { testGpu } from './harness.ts';

const MOST_MS = 5000;
/** Milliseconds of a processor, which do not hang on what else this machine does; a browser tells those of the clock alone. */
const clock = () => {
  const used = (globalThis as Partial<typeof globalThis>).process?.cpuUsage?.();
  return used ? (used.user + used.system) / 1000 : performance.now();
};

test('kernels of hardware compile', async () => {
  const gpu = await testGpu();
  const { device } = gpu;
  const kernels = [...hardwareDispatches().keys()].filter(
    (k) => !/enable f16/.test(k.linked.code) || gpu.features.has('shader-f16'),
  );
  expect(kernels.length).toBeGreaterThan(100);
  for (const k of kernels) {
    const since = clock();
    if ('Deno' in globalThis) await pipelineOf(gpu, k);
    else {
      device.pushErrorScope('validation');
      device.createShaderModule({ label: k.name, code: k.linked.code });
      expect((await device.popErrorScope())?.message, k.name).toBeUndefined();
    }
    expect(clock() - since, k.name).toBeLessThan(MOST_MS);
  }
});
