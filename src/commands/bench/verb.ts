// The verb `bench`: everything that can be measured on one adapter, a line each. npm run bench adds the comparison with jax-js.

import { closeGpu, openGpu } from '../../gpu/device.ts';
import type { Task } from '../task.ts';
import { bench } from './bench.ts';

export async function benchVerb({ o, report }: Pick<Task, 'o' | 'report'>): Promise<void> {
  const gpu = await openGpu({ device: o.device });
  try {
    await bench(gpu, report, o.part, o.model);
  } finally {
    closeGpu(gpu);
  }
}
