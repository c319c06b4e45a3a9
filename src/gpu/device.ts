// The GPU: Deno's and the browser's navigator.gpu, in Node Dawn from the npm package "webgpu".
// Opens an adapter by name, asks for the limits it offers, and keeps what goes wrong where the next call sees it.

import { setting } from '../setting.ts';
import { lost } from './arrive.ts';
import type { Limits } from './limits.ts';
import { firstPace, type Pace } from './pace.ts';
import type { Kernel } from './program.ts';
import { noRoom } from './room.ts';
import { free, type Memory, newMemory, type Scope } from './scope.ts';

/** An open GPU: its device and adapter, what it offers, and what it holds. */
export interface Gpu {
  device: GPUDevice;
  adapter: GPUAdapter;
  /** What people call it: "llvmpipe (LLVM 15.0.6, 256 bits)". */
  name: string;
  /** A software adapter: runs on the CPU. */
  software: boolean;
  features: Set<string>;
  /** What a module with subgroup operations begins with: naga (Deno) has them without the directive, and refuses it. */
  enableSubgroups: '' | 'enable subgroups;\n';
  limits: Limits;
  /** What new machines are taken to run at: measured, or what such a device reaches at least. */
  pace: Pace;
  /** When the last replay that was seen to end had ended, in milliseconds of performance.now(). */
  doneAt: number;
  memory: Memory;
  /** The device's own scope: what is allocated in it lives as long as the device, and every other scope lies within it. */
  scope: Scope;
  pipelines: Map<Kernel, Promise<GPUComputePipeline>>;
  layouts: Map<Kernel, GPUBindGroupLayout>;
  /** Pipelines made so far: a loop can assert that it makes none. */
  compiled: number;
  /** The first error that no call reported: a validation error, out of memory, or the loss of the device. */
  failed: Error | null;
  /** `closeGpu` has ended the device: it is not lost. */
  closed: boolean;
}

/** Which adapter is opened. */
export interface OpenOptions {
  /** Part of the adapter's name, or auto. */
  device?: string;
  /** Pretended limits, for tests: bytes of a binding and of a buffer; whether it is to be treated as a software adapter. */
  limits?: { maxBinding?: number; maxBuffer?: number; software?: boolean };
}

let found: GPU | undefined;
/** Node's WebGPU. Of an object, so that no bundler knows the name beforehand and follows it: a constant would be put in its place. */
const DAWN = { name: 'webgpu' };

async function getGPU(): Promise<GPU> {
  found ??= globalThis.navigator?.gpu;
  if (!found && isNode()) {
    const dawn = await import(/* @vite-ignore */ DAWN.name);
    found = dawn.create([]) as GPU;
  }
  if (!found)
    throw new Error(
      'expected WebGPU, got a browser without it. Use Chrome or Edge 113 or later, Safari 26, or Firefox 141 on Windows; on Linux turn on chrome://flags/#enable-unsafe-webgpu.',
    );
  return found;
}

function isNode(): boolean {
  const p = (globalThis as { process?: { versions?: { node?: string } } }).process;
  return Boolean(p?.versions?.node) && !('Deno' in globalThis);
}

/** Opens the adapter whose name contains `device` (auto: the fastest the platform offers). Throws where there is none. */
export async function openGpu(options: OpenOptions = {}): Promise<Gpu> {
  const gpu = await getGPU();
  const adapter = await findAdapter(gpu, options.device ?? 'auto');
  const features = [...adapter.features].filter((f) =>
    ['shader-f16', 'subgroups', 'timestamp-query'].includes(f),
  ) as GPUFeatureName[];
  const name = nameOf(adapter);
  const processor = /llvmpipe|swiftshader|lavapipe|softpipe|basic render/i.test(name);
  const device = await requestDevice(adapter, features, processor);
  const software = options.limits?.software ?? processor;
  const memory = newMemory(device);
  const opened: Gpu = {
    device,
    adapter,
    name,
    software,
    features: new Set(device.features),
    enableSubgroups: 'Deno' in globalThis ? '' : 'enable subgroups;\n',
    limits: limitsOf(adapter, device, software, options.limits),
    pace: firstPace(software),
    doneAt: 0,
    memory,
    scope: memory.root,
    pipelines: new Map(),
    layouts: new Map(),
    compiled: 0,
    failed: null,
    closed: false,
  };
  device.addEventListener('uncapturederror', (e) => {
    const event = e as GPUUncapturedErrorEvent;
    event.preventDefault();
    const { message } = event.error;
    opened.failed ??= // by its name: Node's Dawn has the class and no global of it
      event.error.constructor.name === 'GPUOutOfMemoryError'
        ? noRoom(memory.live.values(), message)
        : new Error(`the GPU reported: ${message}`);
  });
  device.lost.then((info) => {
    if (!opened.closed) opened.failed ??= lost(info);
  });
  return opened;
}

function limitsOf(adapter: GPUAdapter, device: GPUDevice, software: boolean, pretended: OpenOptions['limits'] = {}): Limits {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const maxBuffer = Math.min(maxBufferSize, pretended.maxBuffer ?? Number.POSITIVE_INFINITY);
  return Object.freeze({
    maxBinding: Math.min(maxStorageBufferBindingSize, maxBuffer, pretended.maxBinding ?? Number.POSITIVE_INFINITY),
    maxBuffer,
    software,
    subgroups: device.features.has('subgroups') ? adapter.info.subgroupMinSize : 0,
  });
}

/** Deno has subgroups but does not list them: on a software adapter, where they count, they are asked for all the same. */
async function requestDevice(adapter: GPUAdapter, features: GPUFeatureName[], software: boolean): Promise<GPUDevice> {
  const requiredLimits = wanted(adapter.limits);
  const unlisted = software && 'Deno' in globalThis && !features.includes('subgroups');
  const more =
    unlisted && (await adapter.requestDevice({ requiredFeatures: [...features, 'subgroups'], requiredLimits }).catch(() => null));
  return more || adapter.requestDevice({ requiredFeatures: features, requiredLimits });
}

/** Throws what the GPU reported meanwhile, if anything. */
export function check(gpu: Gpu): void {
  if (gpu.failed) throw gpu.failed;
}

/** Frees the device and everything on it. */
export function closeGpu(gpu: Gpu): void {
  gpu.closed = true;
  free(gpu.scope);
  gpu.device.destroy();
}

/** Waits until all submitted work is done. */
export async function idle(gpu: Gpu): Promise<void> {
  await gpu.device.queue.onSubmittedWorkDone();
  check(gpu);
}

async function findAdapter(gpu: GPU, device: string): Promise<GPUAdapter> {
  const tried: string[] = [];
  for (const options of [
    { powerPreference: 'high-performance' },
    { powerPreference: 'low-power' },
    { forceFallbackAdapter: true },
  ] as GPURequestAdapterOptions[]) {
    const adapter = await gpu.requestAdapter(options).catch(() => null);
    if (!adapter) continue;
    if (device === 'auto' || nameOf(adapter).toLowerCase().includes(device.toLowerCase())) return adapter;
    tried.push(nameOf(adapter));
  }
  if (tried.length)
    throw new Error(
      `expected an adapter with "${device}" in its name, got ${[...new Set(tried)].join(', ')}. Choose one of these by ${setting('device')}, or leave it out.`,
    );
  if (isNode())
    throw new Error(
      `expected a WebGPU adapter, got none that Node's Dawn takes. Update the graphics driver, or run in Deno, which takes software adapters as well (of blocktune's command line: ${setting('runtime')} deno).`,
    );
  throw new Error(
    'expected a WebGPU adapter, got none. On Debian or Ubuntu: apt-get install mesa-vulkan-drivers (npm run setup does it as root); in a browser, update the graphics driver.',
  );
}

function nameOf(adapter: GPUAdapter): string {
  const { description, vendor, architecture, device } = adapter.info;
  return description || [vendor, architecture, device].filter(Boolean).join(' ') || 'unnamed adapter';
}

function wanted(limits: GPUSupportedLimits): Record<string, number> {
  const names = [
    'maxStorageBufferBindingSize',
    'maxBufferSize',
    'maxComputeWorkgroupStorageSize',
    'maxComputeInvocationsPerWorkgroup',
    'maxComputeWorkgroupSizeX',
  ] as const;
  return Object.fromEntries(names.map((n) => [n, limits[n]]));
}
