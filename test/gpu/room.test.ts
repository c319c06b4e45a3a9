// No room on the device: what is said of it, and what is left after it. No adapter runs out when asked to, so that its report is made here.
import { expect, test } from 'vitest';
import { check, openGpu } from '../../src/gpu/device.ts';
import { ROLES, type Role } from '../../src/gpu/home.ts';
import { noRoom, smaller } from '../../src/gpu/room.ts';
import { rowsOf, startRun, tinyDecoder } from '../models/tiny.ts';
import { closeGpu } from './harness.ts';

/** Not a global in Node. */
class GPUOutOfMemoryError extends Error {}

const SETTINGS: Record<string, RegExp> = {
  weights: /^Use `base` q8_0 or q4_0, a smaller `batch`, or a smaller `maxLength`;/,
  moments: /^Use a smaller `budget` or `rank`, `method` smt where all is trained, or a smaller `batch`;/,
  activations: /^Use `recompute` on, a smaller `batch`, or a smaller `maxLength`;/,
  kv: /^Use a smaller `batch`, a smaller `maxNewTokens`, or a smaller `maxLength`;/,
};
test.each(Object.entries(SETTINGS))('of %s there are too many: the settings that make them fewer', (role, said) => {
  expect(smaller(role as Role)).toMatch(said);
});

test.each(ROLES)('%s are named where they take the most', (role) => {
  const homes = ROLES.map((r, i) => ({ name: r, bytes: r === role ? 3e9 : 1e6 + i, role: r, usage: 0 }));
  const { message } = noRoom(homes, 'out of memory');
  expect(message).toContain('expected room on the GPU for 3.01 GB, got none ("out of memory").');
  expect(message).toContain(`Of them ${role} take the most, 3.00 GB. ${smaller(role)}`);
});

test('a run that finds none ends with that, and leaves nothing behind', async () => {
  const gpu = await openGpu();
  const decoder = tinyDecoder(gpu);
  const before = gpu.memory.bytes;
  const run = await startRun(gpu, decoder, {
    ...{ lr: 1e-3, betas: [0.9, 0.95], eps: 1e-8, weight_decay: 0, clip: 1, batch: 2 },
    rows: rowsOf([9, 17]),
  });
  const error = new GPUOutOfMemoryError('not enough memory');
  gpu.device.dispatchEvent(Object.assign(new Event('uncapturederror'), { error }));
  await expect(run.go(1)).rejects.toThrow(/^expected room on the GPU for .* got none \("not enough memory"\).* take the most/);
  run.free();
  expect(gpu.memory.bytes).toBe(before);
  expect(() => check(gpu)).toThrow('expected room on the GPU');
  closeGpu(gpu);
});
