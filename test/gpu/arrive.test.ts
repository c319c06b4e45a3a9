// What is read back counts only where it is what was asked for, on a device that is still there.
import { afterAll, expect, test } from 'vitest';
import { arrived, lossOf, STAMP, stamp, tellsOfLoss } from '../../src/gpu/arrive.ts';
import { closeGpu, type Gpu, openGpu } from '../../src/gpu/device.ts';
import { allocate } from '../../src/gpu/scope.ts';
import { read, resident, USAGE, write } from '../../src/gpu/tensor.ts';

const gpus: Gpu[] = [];
afterAll(() => gpus.forEach(closeGpu));
const open = async () => {
  const gpu = await openGpu();
  gpus.push(gpu);
  return gpu;
};
const stagingOf = (gpu: Gpu) =>
  allocate(gpu.scope, { name: 'staging', bytes: 16 + STAMP, role: 'staging', usage: USAGE.staging });

test('bytes before the stamp, and each readback has its own', async () => {
  const gpu = await open();
  const staging = stagingOf(gpu);
  gpu.device.queue.writeBuffer(staging, 0, Uint32Array.of(1, 2, 3, 4));
  const first = stamp(gpu.device, staging);
  gpu.device.queue.submit([]);
  expect([...new Uint32Array(await arrived(gpu.device, staging, first))]).toEqual([1, 2, 3, 4]);
  expect(stamp(gpu.device, staging)).not.toBe(first);
});

test('what nobody has written, or is left of another readback, is refused', async () => {
  const gpu = await open();
  const staging = stagingOf(gpu);
  await expect(arrived(gpu.device, staging, 7)).rejects.toThrow('expected readback 7 of the GPU, got 0');
  const old = stamp(gpu.device, staging);
  gpu.device.queue.submit([]);
  await expect(arrived(gpu.device, staging, old + 1)).rejects.toThrow(`expected readback ${old + 1} of the GPU, got ${old}`);
});

test('of a lost device it is told how it was lost; a device that was closed is none', async () => {
  const gpu = await open();
  const t = resident('t', [4], 'other');
  allocate(gpu.scope, t.home!);
  write(gpu.memory, t, Float32Array.of(1, 2, 3, 4));
  expect([...(await read(gpu.memory, t))]).toEqual([1, 2, 3, 4]);
  expect(await lossOf(gpu.device, 10)).toBeNull();
  gpu.device.destroy();
  const told = await read(gpu.memory, t).catch((e) => e);
  expect(told.message).toMatch(/^the GPU was lost \(/);
  expect([told, gpu.failed, new Error('lost'), null].map(tellsOfLoss)).toEqual([true, true, false, false]);
  const other = await open();
  closeGpu(other);
  await other.device.lost;
  await new Promise((done) => setTimeout(done, 10));
  expect(other.failed).toBeNull();
});
