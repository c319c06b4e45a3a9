// Who owns device bytes. Every buffer is allocated in a scope, and freeing the scope frees it and every scope within:
// nothing is freed by comparing what was there before with what is there now. Only this file creates and destroys buffers.

import type { Home } from './home.ts';
import { smaller } from './room.ts';

/** GPUBufferUsage.STORAGE. */
const STORAGE = 128;

/** An owner of device bytes: a model, an adapter on it, a machine. */
export interface Scope {
  memory: Memory;
  homes: Set<Home>;
  /** The scope it is freed with; null for the device's own. */
  within: Scope | null;
  inner: Set<Scope>;
  freed: boolean;
}

/** Live GPU buffers of one device, by category. `made` counts creations, so that a loop can assert that it makes none. */
export interface Memory {
  device: GPUDevice;
  live: Map<GPUBuffer, Home>;
  bytes: number;
  made: number;
  /** The device's own scope: what lives as long as the device, and every other scope. */
  root: Scope;
}

export function newMemory(device: GPUDevice): Memory {
  const memory = { device, live: new Map(), bytes: 0, made: 0 } as Omit<Memory, 'root'> as Memory;
  memory.root = { memory, homes: new Set(), within: null, inner: new Set(), freed: false };
  return memory;
}

/** A new owner, freed with the scope around it at the latest. */
export function newScope(within: Scope): Scope {
  mustBeOpen(within);
  const scope: Scope = { memory: within.memory, homes: new Set(), within, inner: new Set(), freed: false };
  within.inner.add(scope);
  return scope;
}

/** Creates the buffer of a home, owned by the scope; one that is there already stays its owner's. Throws beyond the device's limits. */
export function allocate(scope: Scope, home: Home): GPUBuffer {
  if (home.buffer) return home.buffer;
  mustBeOpen(scope);
  const { memory } = scope;
  const { maxBufferSize, maxStorageBufferBindingSize: binding } = memory.device.limits;
  const most = home.usage & STORAGE ? Math.min(maxBufferSize, binding) : maxBufferSize;
  if (home.bytes > most)
    throw new Error(
      `expected a buffer of at most ${most} bytes (this adapter's limit), got ${home.name} with ${home.bytes}. ${smaller(home.role)}`,
    );
  const buffer = memory.device.createBuffer({ label: home.name, size: home.bytes, usage: home.usage });
  memory.live.set(buffer, home);
  memory.bytes += home.bytes;
  memory.made++;
  home.buffer = buffer;
  scope.homes.add(home);
  return buffer;
}

/** Destroys one home's buffer ahead of its scope's end. Throws where the home is another's. */
export function release(scope: Scope, home: Home): void {
  if (!scope.homes.delete(home)) throw new Error(`expected ${home.name} to be of the scope that frees it, got another's`);
  destroy(scope.memory, home);
}

/** Frees what a scope owns, the scopes within it included. Freeing twice does nothing. */
export function free(scope: Scope): void {
  for (const inner of [...scope.inner]) free(inner);
  for (const home of scope.homes) destroy(scope.memory, home);
  scope.homes.clear();
  scope.within?.inner.delete(scope);
  scope.freed = true;
}

function destroy(memory: Memory, home: Home): void {
  memory.live.delete(home.buffer!);
  memory.bytes -= home.bytes;
  home.buffer!.destroy();
  home.buffer = undefined;
}

function mustBeOpen(scope: Scope): void {
  if (scope.freed) throw new Error('expected a scope that still owns its bytes, got one that was freed: make a new one');
}
