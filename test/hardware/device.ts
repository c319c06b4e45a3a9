// In the place of src/gpu/device.ts (pretend.ts): the same, but every adapter is treated as hardware, so that a test runs what a GPU
// would, wherever it opens its device.
import { type Gpu, type OpenOptions, openGpu as open } from '../../src/gpu/device.ts';

export * from '../../src/gpu/device.ts';

export const openGpu = (options: OpenOptions = {}): Promise<Gpu> =>
  open({ ...options, limits: { software: false, ...options.limits } });
