// Replay: a plan becomes buffers, pipelines and bind groups once; a step writes a few bytes and encodes a table of dispatches.
// After a size has run once, running it again allocates nothing, compiles nothing and waits for nothing.

import { check, type Gpu } from './device.ts';
import { homesOf, type Plan, type PlannedProgram } from './plan.ts';
import type { Dims, Kernel } from './program.ts';
import { makeTable, SUBMIT_MS, type Table } from './table.ts';
import { allocate, type Home, release, type Tensor } from './tensor.ts';

/** A plan that lives on a device. */
export interface Machine {
  gpu: Gpu;
  plan: Plan;
  parts: Map<string, Live>;
  /** Measured cost units a millisecond, for cutting. */
  rate: number;
  timing: boolean;
}

export interface Live {
  planned: PlannedProgram;
  groups: (GPUBindGroup | null)[];
  pipelines: (GPUComputePipeline | null)[];
  tables: Map<string, Table>;
  /** The table whose params are in the uniform buffer now. */
  written: Table | null;
  /** Staging buffers with results on their way. */
  arriving: Set<Home>;
}

/** Allocates everything of a plan, compiles every pipeline, makes every bind group. */
export async function prepare(gpu: Gpu, plan: Plan): Promise<Machine> {
  for (const home of homesOf(plan)) allocate(gpu.memory, home);
  const kernels = new Set(
    [...plan.programs.values()].flatMap((p) => p.largest.entries.flatMap((e) => (e.op === 'run' ? [e.kernel] : []))),
  );
  await Promise.all([...kernels].map((k) => pipelineOf(gpu, k)));
  const parts = new Map<string, Live>();
  for (const [name, planned] of plan.programs) parts.set(name, await live(gpu, plan, planned));
  check(gpu);
  return { gpu, plan, parts, rate: gpu.software ? 1e7 : 1e9, timing: false };
}

/** Encodes and submits one run of a program at the given sizes. Does not wait. */
export function replay(m: Machine, name: string, dims: Dims): void {
  check(m.gpu);
  const part = partOf(m, name);
  const table = tableOf(m, part, dims);
  const { queue } = m.gpu.device;
  if (part.written !== table) {
    queue.writeBuffer(part.planned.params.buffer!, 0, table.params);
    part.written = table;
  }
  const since = performance.now();
  const budget = m.rate * SUBMIT_MS;
  let all = 0;
  let from = 0;
  while (from < table.steps.length) {
    let to = from;
    let cost = 0;
    while (to < table.steps.length && (to === from || cost + table.steps[to].cost <= budget)) cost += table.steps[to++].cost;
    submit(m, part, table, from, to);
    all += cost;
    from = to;
  }
  measure(m, all, since);
}

/** Copies the program's results into the ring now; resolves when they have arrived, without holding the GPU up. */
export function readback(m: Machine, name: string): Promise<Float32Array<ArrayBuffer>> {
  const part = partOf(m, name);
  const from = part.planned.part.readback?.home?.buffer;
  if (!from) throw new Error(`expected program ${name} to name what it reads back`);
  const home = part.planned.staging.find((h) => !part.arriving.has(h));
  if (!home)
    throw new Error(
      `expected at most ${part.planned.staging.length} results of ${name} on their way, got one more: await the oldest first`,
    );
  part.arriving.add(home);
  const encoder = m.gpu.device.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, home.buffer!, 0, home.bytes);
  m.gpu.device.queue.submit([encoder.finish()]);
  return arrive(m, part, home);
}

async function arrive(m: Machine, part: Live, home: Home): Promise<Float32Array<ArrayBuffer>> {
  const staging = home.buffer!;
  try {
    await staging.mapAsync(1);
  } catch (e) {
    // a lost device rejects what is under way, in words of its own, before it says that it is lost
    await Promise.race([m.gpu.device.lost, new Promise((late) => setTimeout(late, 500))]);
    check(m.gpu);
    throw e;
  }
  const data = new Float32Array(staging.getMappedRange().slice(0));
  staging.unmap();
  part.arriving.delete(home);
  check(m.gpu);
  return data;
}

/** Frees the slots, params and staging of a plan; residents only where `residents` says so. */
export function dispose(m: Machine, residents: (h: Home) => boolean = () => false): void {
  for (const home of homesOf(m.plan)) if (!m.plan.residents.includes(home) || residents(home)) release(m.gpu.memory, home);
  m.parts.clear();
}

// --- tables -----------------------------------------------------------------------------------------------------------

/** The part of a machine that runs a program. */
export function partOf(m: Machine, name: string): Live {
  const part = m.parts.get(name);
  if (!part) throw new Error(`expected one of the programs ${[...m.parts.keys()].join(', ')}, got ${name}`);
  return part;
}

/** The table of a program at one size, made where it is not there yet. */
export function tableOf(m: Machine, part: Live, dims: Dims): Table {
  const key = JSON.stringify(dims);
  const have = part.tables.get(key);
  // what was cut for another speed is cut again
  if (have && m.rate < have.rate * 4 && m.rate > have.rate / 4) return have;
  const table = makeTable(part.planned, dims, m.rate, have);
  part.tables.set(key, table);
  return table;
}

// --- device objects ---------------------------------------------------------------------------------------------------

async function live(gpu: Gpu, plan: Plan, planned: PlannedProgram): Promise<Live> {
  const index = new Map(planned.largest.temps.map((t, i) => [t, i]));
  const bufferOf = (t: Tensor): GPUBuffer => (t.home ?? plan.slots[planned.slotOf[index.get(t)!]]).buffer!;
  const groups: (GPUBindGroup | null)[] = [];
  const pipelines: (GPUComputePipeline | null)[] = [];
  for (const e of planned.largest.entries) {
    if (e.op !== 'run') {
      groups.push(null);
      pipelines.push(null);
      continue;
    }
    const storage = e.kernel.linked.bindings.filter((b) => b.kind !== 'uniform');
    const uniform = e.kernel.linked.bindings.find((b) => b.kind === 'uniform')!;
    const entries: GPUBindGroupEntry[] = storage.map((b, i) => ({
      binding: b.binding,
      resource: { buffer: bufferOf(e.bind[i]) },
    }));
    entries.push({ binding: uniform.binding, resource: { buffer: planned.params.buffer!, size: e.kernel.linked.paramsSize } });
    groups.push(gpu.device.createBindGroup({ label: e.label, layout: layoutOf(gpu, e.kernel), entries }));
    pipelines.push(await pipelineOf(gpu, e.kernel));
  }
  return { planned, groups, pipelines, tables: new Map(), written: null, arriving: new Set() };
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

/** The pipeline of a kernel, compiled once a device. A WGSL error names the kernel. */
export function pipelineOf(gpu: Gpu, kernel: Kernel): Promise<GPUComputePipeline> {
  let made = gpu.pipelines.get(kernel);
  if (!made) {
    gpu.compiled++;
    made = compile(gpu, kernel);
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

function submit(m: Machine, part: Live, table: Table, from: number, to: number): void {
  const encoder = m.gpu.device.createCommandEncoder();
  encode(m, part, table, encoder, from, to);
  m.gpu.device.queue.submit([encoder.finish()]);
}

/** Encodes steps from <= i < to of a table; dispatches in a row share a pass. */
export function encode(
  m: Machine,
  part: Live,
  table: Table,
  encoder: GPUCommandEncoder,
  from: number,
  to: number,
  of?: GPUComputePassDescriptor,
): void {
  const { planned } = part;
  const { temps } = table.program;
  let pass: GPUComputePassEncoder | null = null;
  for (let i = from; i < to; i++) {
    const step = table.steps[i];
    if (step.op === 'run') {
      pass ??= encoder.beginComputePass(of);
      pass.setPipeline(part.pipelines[step.entry]!);
      pass.setBindGroup(0, part.groups[step.entry], [step.offset]);
      pass.dispatchWorkgroups(step.grid[0], step.grid[1], step.grid[2]);
      continue;
    }
    pass?.end();
    pass = null;
    const e = table.program.entries[step.entry];
    const bufferOf = (t: Tensor) => (t.home ?? m.plan.slots[planned.slotOf[temps.indexOf(t)]]).buffer!;
    if (e.op === 'copy') encoder.copyBufferToBuffer(bufferOf(e.from), e.fromAt, bufferOf(e.to), e.toAt, e.bytes);
    else if (e.op === 'clear') encoder.clearBuffer(bufferOf(e.to), 0, e.to.bytes);
  }
  pass?.end();
}

/**
 * Learns how fast this device is from one whole replay at a time. Some devices work inside `submit`, others after it, and
 * a fence may be late by ten milliseconds: what is short in time and in cost teaches nothing.
 */
function measure(m: Machine, cost: number, since: number): void {
  if (m.timing) return;
  m.timing = true;
  m.gpu.device.queue.onSubmittedWorkDone().then(
    () => {
      const ms = performance.now() - since;
      if (Math.max(ms, cost / m.rate) > SUBMIT_MS / 4) m.rate = 0.75 * m.rate + 0.25 * (cost / ms);
      m.timing = false;
    },
    () => {},
  );
}
