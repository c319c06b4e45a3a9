// What comes back from the device, held to be what was asked for. A lost device looks like success: nothing that is submitted to it
// fails, and what stands in a buffer then is old, or nothing. So every readback carries a number of its own behind its bytes, which is
// there only where all that was submitted before it has run.

/** Bytes behind those that are read back. */
export const STAMP = 16;
/** How long the news of a loss may take after the first call that fails for it. */
const NEWS_MS = 500;

let last = 0;

/** Sends a number of its own on its way into the last bytes of a staging buffer, and answers it: before the copy of what is read. */
export function stamp({ queue }: GPUDevice, staging: GPUBuffer): number {
  last = (last % 0xffffffff) + 1;
  queue.writeBuffer(staging, staging.size - STAMP, Uint32Array.of(last));
  return last;
}

/** A copy of the bytes before the stamp, once they are there. Throws how the device was lost, where it was. */
export async function arrived(device: GPUDevice, staging: GPUBuffer, number: number): Promise<ArrayBuffer> {
  try {
    await staging.mapAsync(1); // GPUMapMode.READ
    const range = staging.getMappedRange();
    const [came] = new Uint32Array(range, staging.size - STAMP, 1);
    const bytes = range.slice(0, staging.size - STAMP);
    staging.unmap();
    if (came === number) return bytes;
    throw new Error(`expected readback ${number} of the GPU, got ${came}: it did not do what it was given`);
  } catch (e) {
    // a lost device rejects what is under way, in words of its own, before it says that it is lost
    throw (await lossOf(device)) ?? e;
  }
}

/** How a device was lost, as an error that says so; null where it was not, as far as is known after `ms`. */
export async function lossOf(device: GPUDevice, ms = NEWS_MS): Promise<Error | null> {
  const info = await Promise.race([device.lost, new Promise<null>((late) => setTimeout(() => late(null), ms))]);
  return info && lost(info);
}

export const lost = ({ message, reason }: GPUDeviceLostInfo): Error & { lost: true } =>
  Object.assign(new Error(`the GPU was lost (${message || reason}): close what else uses it heavily.`), { lost: true as const });

/** Whether an error tells of a lost device. */
export const tellsOfLoss = (e: unknown): e is Error => (e as { lost?: unknown } | null)?.lost === true;
