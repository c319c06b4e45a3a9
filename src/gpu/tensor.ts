// Tensors and the device bytes behind them, written and read back. Who owns these bytes is in scope.ts.
// A tensor is either resident (it has a Home that outlives a step: weights, moments, inputs) or a temporary whose slot the plan chooses.
// Residents that are often handled together may be views of one home: an arena.

import { arrived, STAMP, stamp } from './arrive.ts';
import type { Home, Role } from './home.ts';
import { allocate, type Memory, release } from './scope.ts';

export { type Home, ROLES, type Role } from './home.ts';

/** A dense row-major tensor of a program: shape in elements, 4 bytes each. */
export interface Tensor {
  name: string;
  shape: readonly number[];
  dtype: 'f32' | 'u32';
  bytes: number;
  role: Role;
  home: Home | null;
  /** Bytes into its home where it begins; other than 0 only for a view. */
  start: number;
  /** Of a temporary: the bytes it shares with others, once planned. */
  slot?: Home;
  /** Where these are columns of another tensor's rows, which is what kernels bind: that tensor, and the first of them. */
  of?: { t: Tensor; at: number };
}

// The numbers of GPUBufferUsage, which does not exist where there is no GPU and a plan must still be made.
const MAP_READ = 1;
const COPY_SRC = 4;
const COPY_DST = 8;
const UNIFORM = 64;
const STORAGE = 128;
export const USAGE = { storage: STORAGE | COPY_SRC | COPY_DST, uniform: UNIFORM | COPY_DST, staging: MAP_READ | COPY_DST };

/** A resident tensor, not yet allocated. Bytes are rounded up to 16 so that it can be bound as vec4s. */
export function resident(name: string, shape: readonly number[], role: Role, dtype: 'f32' | 'u32' = 'f32'): Tensor {
  const bytes = sizeOf(shape);
  return { name, shape, dtype, bytes, role, home: { name, bytes, role, usage: USAGE.storage }, start: 0 };
}

/** Where a view may begin: WebGPU's default minStorageBufferOffsetAlignment, in bytes. */
const ALIGNED = 256;

/**
 * Residents of one role laid one behind the other, in as few buffers as bindings of `most` bytes allow: `parts` are tensors as any
 * other, `whole` the buffers, for what is done to all of them alike. What pads them is 0 and must stay so.
 */
export function arena(
  name: string,
  asked: readonly { name: string; shape: readonly number[]; dtype?: 'f32' | 'u32' }[],
  role: Role,
  most: number,
): { whole: Tensor[]; parts: Tensor[] } {
  const homes: Home[] = [];
  const parts = asked.map(({ name: part, shape, dtype = 'f32' }): Tensor => {
    const bytes = sizeOf(shape);
    const last = homes.at(-1);
    const start = last ? Math.ceil(last.bytes / ALIGNED) * ALIGNED : 0;
    const fits = last && start + bytes <= most;
    const home = fits ? last : { name: `${name} ${homes.length}`, bytes: 0, role, usage: USAGE.storage };
    if (!fits) homes.push(home);
    home.bytes = fits ? start + bytes : bytes;
    return { name: part, shape, dtype, bytes, role, home, start: fits ? start : 0 };
  });
  const whole = homes.map((home): Tensor => {
    return { name: home.name, shape: [home.bytes / 4], dtype: 'f32', bytes: home.bytes, role, home, start: 0 };
  });
  return { whole, parts };
}

/** Residents that lie one behind the other without a gap, as one tensor; null where they do not. */
export function runOf(name: string, parts: readonly Tensor[], shape: readonly number[]): Tensor | null {
  const follows = (t: Tensor, before: Tensor) => t.home === before.home && t.start === before.start + before.bytes;
  if (parts.some((t, i) => !t.home || (i > 0 && !follows(t, parts[i - 1])))) return null;
  return { ...parts[0], name, shape, bytes: parts.reduce((sum, t) => sum + t.bytes, 0) };
}

/** Columns at .. at + width of a tensor's rows: a tensor to such ops as bind it by `rowsOf`. */
export function columns(t: Tensor, at: number, width: number, name: string): Tensor {
  const shape = [t.shape[0], width];
  return { name, shape, dtype: t.dtype, bytes: sizeOf(shape), role: t.role, home: null, start: 0, of: { t, at } };
}

/** What kernels bind of a tensor that may be columns of another; in elements, where its first row begins and how far rows lie apart. */
export function rowsOf(t: Tensor): { t: Tensor; at: number; ld: number } {
  const { t: bound, at } = t.of ?? { t, at: 0 };
  return { t: bound, at, ld: bound.shape[bound.shape.length - 1] };
}

/** Elements of a shape: the product of its sizes. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** Bytes of a tensor of 4-byte elements: rounded up to 16, at least 16. */
export function sizeOf(shape: readonly number[]): number {
  const n = elementsOf(shape);
  if (!Number.isSafeInteger(n) || n < 0) throw new Error(`expected a shape of whole numbers, got [${shape.join(', ')}]`);
  return Math.max(16, Math.ceil((n * 4) / 16) * 16);
}

/** Writes elements into an allocated resident tensor, from element `at`. Who owns its bytes has allocated them before. */
export function write(memory: Memory, t: Tensor, data: ArrayBufferView<ArrayBuffer>, at = 0): void {
  const size = data.byteLength;
  if (!t.home) throw new Error(`expected a resident tensor, got the temporary ${t.name}`);
  if (!t.home.buffer) throw new Error(`expected ${t.name} to be allocated before it is written: allocate it in a scope`);
  if (at * 4 + size > t.bytes) throw new Error(`expected at most ${t.bytes - at * 4} bytes for ${t.name}, got ${size}`);
  const whole = size - (size % 4); // not by bits: sizes pass 2^31
  const { queue } = memory.device;
  if (whole) queue.writeBuffer(t.home.buffer, t.start + at * 4, data.buffer, data.byteOffset, whole);
  if (whole < size) {
    // writeBuffer takes multiples of 4 bytes
    const tail = new Uint8Array(4);
    tail.set(new Uint8Array(data.buffer, data.byteOffset + whole, size - whole));
    queue.writeBuffer(t.home.buffer, t.start + at * 4 + whole, tail);
  }
}

/** Sends what was written on its way to the device; resolves when it is there. Until then the host holds it. */
export function flush({ device }: Memory): Promise<void> {
  device.queue.submit([]);
  return device.queue.onSubmittedWorkDone();
}

/** Reads a resident tensor back. Waits for the GPU: for tests and for saving, never inside the loop. */
export async function read(memory: Memory, t: Tensor): Promise<Float32Array<ArrayBuffer>> {
  return (await readTogether(memory, [t]))[0];
}

/** Bytes that are read back in one piece, and of all that are on their way from the device at once. */
const [PIECE, UNDERWAY] = [16 << 20, 128 << 20];

/** Values of tensors as they stood at one time: each as soon as it is there, and when none of them is on the device any more. */
export interface Snapshot {
  values: Promise<Float32Array<ArrayBuffer>>[];
  landed: Promise<unknown>;
}

/** Has the device copy resident tensors aside. Once this resolves it may go on; the values arrive beside what it does then. */
export async function snapshot(memory: Memory, tensors: readonly Tensor[]): Promise<Snapshot> {
  const underway: { bytes: number; all: Promise<Float32Array<ArrayBuffer>[]> }[] = [];
  const values: Promise<Float32Array<ArrayBuffer>>[] = [];
  for (const part of inPieces(tensors)) {
    const bytes = part.reduce((n, t) => n + t.bytes, 0);
    while (underway.length && underway.reduce((n, other) => n + other.bytes, bytes) > UNDERWAY) await underway.shift()!.all;
    const all = readTogether(memory, part);
    underway.push({ bytes, all });
    for (const i of part.keys()) {
      const value = all.then((read) => read[i]);
      value.catch(() => {}); // whoever asks for it is told
      values.push(value);
    }
  }
  return { values, landed: Promise.allSettled(underway.map(({ all }) => all)) };
}

/** Tensors that are read back together, in their order; one that is larger than a piece is one. */
function inPieces(tensors: readonly Tensor[]): Tensor[][] {
  const pieces: Tensor[][] = [];
  let room = 0;
  for (const t of tensors) {
    if (t.bytes > room) {
      pieces.push([]);
      room = PIECE;
    }
    pieces.at(-1)!.push(t);
    room -= t.bytes;
  }
  return pieces;
}

export async function readU32(memory: Memory, t: Tensor): Promise<Uint32Array<ArrayBuffer>> {
  return new Uint32Array((await read(memory, t)).buffer, 0, elementsOf(t.shape));
}

/** The elements of tensors, by one copy of the device and one readback. */
async function readTogether(memory: Memory, tensors: readonly Tensor[]): Promise<Float32Array<ArrayBuffer>[]> {
  const missing = tensors.find((t) => !t.home?.buffer);
  if (missing) throw new Error(`expected an allocated resident tensor, got ${missing.name}`);
  const bytes = tensors.reduce((n, t) => n + t.bytes, 0);
  const home: Home = { name: 'read back', bytes: bytes + STAMP, role: 'staging', usage: USAGE.staging };
  const staging = allocate(memory.root, home);
  try {
    const number = stamp(memory.device, staging);
    const encoder = memory.device.createCommandEncoder();
    const at = starts(tensors);
    tensors.forEach((t, i) => encoder.copyBufferToBuffer(t.home!.buffer!, t.start, staging, at[i], t.bytes));
    memory.device.queue.submit([encoder.finish()]);
    const all = await arrived(memory.device, staging, number);
    return tensors.map((t, i) => new Float32Array(all, at[i], elementsOf(t.shape)));
  } finally {
    release(memory.root, home);
  }
}

/** Where each of several tensors begins that lie one behind the other. */
function starts(tensors: readonly Tensor[]): number[] {
  let at = 0;
  return tensors.map(({ bytes }) => (at += bytes) - bytes);
}
