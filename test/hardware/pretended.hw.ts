// That the tests beside this one run what a GPU would (pretend.ts).
import { expect, test } from 'vitest';
import { openGpu } from '../../src/gpu/device.ts';
import { testGpu } from '../gpu/harness.ts';

test.each([
  ['opened by a test', openGpu],
  ['of the harness', testGpu],
])('a device %s is treated as hardware', async (_, open) => {
  const { software, limits, name } = await open();
  expect([software, limits.software]).toEqual([false, false]);
  expect(name).toMatch(/llvmpipe|swiftshader/i);
});

test('other pretended limits stay', async () => {
  const { limits } = await openGpu({ limits: { maxBinding: 1 << 20 } });
  expect(limits).toMatchObject({ maxBinding: 1 << 20, software: false });
});
