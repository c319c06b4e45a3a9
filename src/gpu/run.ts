// Replay: a plan becomes buffers, pipelines and bind groups once; a step writes a few bytes and encodes a table of dispatches.
// After a size has run once, running it again allocates nothing, compiles nothing and waits for nothing.

import { arrived, stamp } from './arrive.ts';
import { check, type Gpu } from './device.ts';
import { type Pace, scaled } from './pace.ts';
import { homesOf, type Part, type Plan, SUBMIT_MS } from './plan.ts';
import type { Dims, Kernel } from './program.ts';
import { allocate, free, newScope, type Scope } from './scope.ts';
import { makeTable, submitsOf, type Table } from './table.ts';
import type { Home, Tensor } from './tensor.ts';

/** A plan that lives on a device. */
export interface Machine {
  gpu: Gpu;
  plan: Plan;
  /** Owns what the machine allocated: every home of the plan that had no buffer before. */
  scope: Scope;
  /** Of each entry of a part; null where it is no dispatch. */
  groups: Map<Part, (GPUBindGroup | null)[]>;
  pipelines: Map<Part, (GPUComputePipeline | null)[]>;
  /** By part, sizes and whether it accumulates. */
  tables: Map<string, Table>;
  /** The table whose params are in a part's uniform buffer now. */
  written: Map<Part, Table>;
  /** Staging buffers with results on their way. */
  arriving: Set<Home>;
  /** How fast the device runs these programs, as far as that was seen. */
  pace: Pace;
}

/**
 * Allocates what of a plan is not there yet, compiles every pipeline, makes every bind group. Where that fails, nothing stays.
 * What is there already belongs to whoever allocated it, and outlives the machine. within: what the machine is freed with at the latest.
 */
export async function prepare(gpu: Gpu, plan: Plan, within: Scope = gpu.scope): Promise<Machine> {
  const scope = newScope(within);
  try {
    for (const home of homesOf(plan)) allocate(scope, home);
    const compiled = await compileAll(gpu, plan);
    const groups = new Map<Part, (GPUBindGroup | null)[]>();
    const pipelines = new Map<Part, (GPUComputePipeline | null)[]>();
    for (const part of plan.parts.values()) {
      groups.set(part, bindGroups(gpu, part));
      pipelines.set(
        part,
        part.largest.entries.map((e) => (e.op === 'run' ? compiled.get(e.kernel)! : null)),
      );
    }
    check(gpu);
    return {
      gpu,
      plan,
      scope,
      groups,
      pipelines,
      tables: new Map(),
      written: new Map(),
      arriving: new Set(),
      pace: gpu.pace,
    };
  } catch (e) {
    free(scope);
    throw e;
  }
}

/** Encodes and submits one run of a program at the given sizes. Does not wait. accumulate 1: adds to gradients and losses, 0: writes. */
export function replay(m: Machine, name: string, dims: Dims, accumulate: 0 | 1 = 0): void {
  check(m.gpu);
  const part = partOf(m, name);
  const table = tableOf(m, part, dims, accumulate);
  writeTable(m, part, table);
  const since = performance.now();
  let expected = 0;
  for (const { from, to, ms } of submitsOf(table, m.pace)) {
    submit(m, part, table, from, to);
    expected += ms;
  }
  learn(m, m.pace, expected, since);
}

/** Copies the program's results into the ring now; resolves when they have arrived, without holding the GPU up. */
export function readback(m: Machine, name: string): Promise<Float32Array<ArrayBuffer>> {
  const part = partOf(m, name);
  const { readback: from } = part;
  if (!from?.home?.buffer) throw new Error(`expected program ${name} to name what it reads back`);
  const home = part.staging.find((h) => !m.arriving.has(h));
  if (!home)
    throw new Error(
      `expected at most ${part.staging.length} results of ${name} on their way, got one more: await the oldest first`,
    );
  m.arriving.add(home);
  const number = stamp(m.gpu.device, home.buffer!);
  const encoder = m.gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(from.home.buffer, from.start, home.buffer!, 0, from.bytes);
  m.gpu.device.queue.submit([encoder.finish()]);
  const results = arrive(m, home, number);
  results.catch(() => {}); // it is told to who awaits it, if anybody still does
  return results;
}

async function arrive(m: Machine, home: Home, number: number): Promise<Float32Array<ArrayBuffer>> {
  const data = new Float32Array(await arrived(m.gpu.device, home.buffer!, number));
  m.arriving.delete(home);
  check(m.gpu);
  return data;
}

/** Frees what the machine allocated, and nothing else. */
export function dispose(m: Machine): void {
  free(m.scope);
  for (const made of [m.groups, m.pipelines, m.tables, m.written]) made.clear();
}

// --- tables -----------------------------------------------------------------------------------------------------------

export function partOf(m: Machine, name: string): Part {
  const part = m.plan.parts.get(name);
  if (!part) throw new Error(`expected one of the programs ${[...m.plan.parts.keys()].join(', ')}, got ${name}`);
  if (m.scope.freed) throw new Error(`expected a machine that runs ${name}, got one that was disposed of: prepare it again`);
  return part;
}

/** The table of a program at one size, made where it is not there yet. */
export function tableOf(m: Machine, part: Part, dims: Dims, accumulate: 0 | 1): Table {
  const key = `${part.name} ${accumulate} ${JSON.stringify(dims)}`;
  const have = m.tables.get(key);
  // what was cut for another speed is cut again
  if (have && m.pace.tflops < have.pace.tflops * 4 && m.pace.tflops > have.pace.tflops / 4) return have;
  const table = makeTable(part, dims, accumulate, m.pace, have);
  m.tables.set(key, table);
  return table;
}

/** Puts a table's params into the part's uniform buffer, where they are not there already. */
export function writeTable(m: Machine, part: Part, table: Table): void {
  if (m.written.get(part) === table) return;
  m.gpu.device.queue.writeBuffer(part.params.buffer!, 0, table.params);
  m.written.set(part, table);
}

// --- device objects ---------------------------------------------------------------------------------------------------

/** A temporary's slot, or a resident's own bytes. */
const bufferOf = (t: Tensor): GPUBuffer => (t.home ?? t.slot!).buffer!;

/** What of its buffer a tensor is: all of it, but for a view. */
const rangeOf = (t: Tensor): GPUBufferBinding =>
  t.home && t.home.bytes !== t.bytes ? { buffer: t.home.buffer!, offset: t.start, size: t.bytes } : { buffer: bufferOf(t) };

/** The pipelines of all that a plan runs, compiled where they are not yet. */
export async function compileAll(gpu: Gpu, plan: Plan): Promise<Map<Kernel, GPUComputePipeline>> {
  const entries = [...plan.parts.values()].flatMap((part) => part.largest.entries);
  const kernels = [...new Set(entries.flatMap((e) => (e.op === 'run' ? [e.kernel] : [])))];
  const made = await Promise.all(kernels.map(async (k) => [k, await pipelineOf(gpu, k)] as const));
  return new Map(made);
}

function bindGroups(gpu: Gpu, { largest, params }: Part): (GPUBindGroup | null)[] {
  return largest.entries.map((e) => {
    if (e.op !== 'run') return null;
    const storage = e.kernel.linked.bindings.filter((b) => b.kind !== 'uniform');
    const uniform = e.kernel.linked.bindings.find((b) => b.kind === 'uniform')!;
    const entries: GPUBindGroupEntry[] = storage.map((b, i) => ({
      binding: b.binding,
      resource: rangeOf(e.bind[i]),
    }));
    entries.push({ binding: uniform.binding, resource: { buffer: params.buffer!, size: e.kernel.linked.paramsSize } });
    return gpu.device.createBindGroup({ label: e.label, layout: layoutOf(gpu, e.kernel), entries });
  });
}

function layoutOf(gpu: Gpu, kernel: Kernel): GPUBindGroupLayout {
  let layout = gpu.layouts.get(kernel);
  if (!layout) {
    const entries: GPUBindGroupLayoutEntry[] = kernel.linked.bindings.map((b) => ({
      binding: b.binding,
      visibility: 4, // GPUShaderStage.COMPUTE
      buffer:
        b.kind === 'uniform'
          ? { type: 'uniform', hasDynamicOffset: true, minBindingSize: kernel.linked.paramsSize }
          : { type: b.kind === 'read' ? 'read-only-storage' : 'storage' },
    }));
    layout = gpu.device.createBindGroupLayout({ label: kernel.name, entries });
    gpu.layouts.set(kernel, layout);
  }
  return layout;
}

/** The pipeline of a kernel, compiled once a device. A WGSL error names the kernel; the next to ask has it compiled again. */
export function pipelineOf(gpu: Gpu, kernel: Kernel): Promise<GPUComputePipeline> {
  let made = gpu.pipelines.get(kernel);
  if (!made) {
    gpu.compiled++;
    made = compile(gpu, kernel);
    made.catch(() => gpu.pipelines.delete(kernel));
    gpu.pipelines.set(kernel, made);
  }
  return made;
}

async function compile(gpu: Gpu, kernel: Kernel): Promise<GPUComputePipeline> {
  const { device } = gpu;
  device.pushErrorScope('validation');
  const enable = /\bsubgroup\w+\s*\(/.test(kernel.linked.code) ? gpu.enableSubgroups : '';
  const module = device.createShaderModule({ label: kernel.name, code: enable + kernel.linked.code });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [layoutOf(gpu, kernel)] });
  const asked = device.createComputePipelineAsync({
    label: kernel.name,
    layout,
    compute: { module, entryPoint: kernel.linked.entry },
  });
  const scope = device.popErrorScope();
  const pipeline = await asked.catch((e: Error) => e);
  const error = (await scope) ?? (pipeline instanceof Error ? pipeline : null); // the scope has the module's own words
  if (error) throw new Error(`kernel ${kernel.name} does not compile on ${gpu.name}: ${error.message}`);
  return pipeline as GPUComputePipeline;
}

function submit(m: Machine, part: Part, table: Table, from: number, to: number): void {
  const encoder = m.gpu.device.createCommandEncoder();
  encodeSteps(m, part, table, encoder, from, to);
  m.gpu.device.queue.submit([encoder.finish()]);
}

/** Encodes steps from <= i < to of a table; dispatches in a row share a pass. */
export function encodeSteps(
  m: Machine,
  part: Part,
  table: Table,
  encoder: GPUCommandEncoder,
  from: number,
  to: number,
  of?: GPUComputePassDescriptor,
): void {
  const groups = m.groups.get(part)!;
  const pipelines = m.pipelines.get(part)!;
  let pass: GPUComputePassEncoder | null = null;
  for (let i = from; i < to; i++) {
    const { entry, grid, offset } = table.steps[i];
    if (grid) {
      pass ??= encoder.beginComputePass(of);
      pass.setPipeline(pipelines[entry]!);
      pass.setBindGroup(0, groups[entry], [offset]);
      pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
      continue;
    }
    pass?.end();
    pass = null;
    const e = table.program.entries[entry];
    if (e.op === 'copy')
      encoder.copyBufferToBuffer(bufferOf(e.from), e.from.start + e.fromAt, bufferOf(e.to), e.to.start + e.toAt, e.bytes);
    else if (e.op === 'clear') encoder.clearBuffer(bufferOf(e.to), e.to.start, e.to.bytes);
  }
  pass?.end();
}

/**
 * Learns how fast the device runs these programs, from a whole replay at a time: from when it could begin, which is when what was
 * submitted before had ended, until its own end. Some devices work inside `submit`, others after it, and a fence may be late by ten
 * milliseconds: what is short in time and by estimate teaches nothing.
 */
function learn(m: Machine, pace: Pace, expected: number, since: number): void {
  const { gpu } = m;
  gpu.device.queue.onSubmittedWorkDone().then(
    () => {
      const now = performance.now();
      const ms = now - Math.max(since, gpu.doneAt);
      gpu.doneAt = now;
      if (Math.max(ms, expected) <= SUBMIT_MS / 4) return;
      const faster = (pace.tflops * expected) / ms / m.pace.tflops;
      m.pace = scaled(m.pace, Math.min(4, Math.max(1 / 4, Math.sqrt(faster))));
    },
    () => {},
  );
}
