// Memory of programs, known to the byte before anything is allocated. No GPU here.
// Temporaries whose lifetimes do not meet share a slot. Programs planned together share slots too: they never run at once,
// so their dispatch lists are simply laid one behind the other in time.

import { STAMP } from './arrive.ts';
import { type Bytes, bytesByRole } from './home.ts';
import type { Planning } from './limits.ts';
import { entryMs, SLOW_GPU } from './pace.ts';
import { type Build, type Dims, type Entry, type Grid, type Program, trace } from './program.ts';
import { type Home, type Tensor, USAGE } from './tensor.ts';

/** One program of a plan. The first four are what is asked for: how it is traced, and the largest sizes it will run at. */
export interface Part {
  name: string;
  build: Build;
  dims: Dims;
  /** What is read back after each run. */
  readback?: Tensor;
  /** Its trace for these sizes, every temporary in its slot. */
  largest: Program;
  /** Uniform records: one a dispatch, more where WebGPU asks for cuts, and spare ones for cuts that save time. */
  records: number;
  params: Home;
  staging: Home[];
}

export interface Plan {
  parts: Map<string, Part>;
  slots: Home[];
  residents: Home[];
  bytes: Bytes;
}

/** Uniform records lie 256 bytes apart: WebGPU's default minUniformBufferOffsetAlignment. */
export const RECORD = 256;
/** Aim for a submit: long ones freeze screens and trip watchdogs. */
export const SUBMIT_MS = 50;
/** Spare records for dispatches that are cut in pieces. */
export const SPARE = 256;
/** Results on their way to the host at one time. */
export const RING = 4;
/** Workgroups an axis at most, on every device. */
export const MOST_GROUPS = 65535;

/** Plans programs that share one set of slots. `also`: residents that no dispatch names but that live meanwhile. */
export function plan(
  asked: Pick<Part, 'name' | 'build' | 'dims' | 'readback'>[],
  planning: Planning,
  also: readonly Home[] = [],
): Plan {
  const parts = asked.map((a): Part => {
    const largest = trace(a.name, a.build, a.dims, planning);
    const records = recordsOf(largest) + timedPieces(largest) + SPARE;
    const params: Home = { name: `${a.name} params`, bytes: records * RECORD, role: 'other', usage: USAGE.uniform };
    return { ...a, largest, records, params, staging: a.readback ? ring(a.name, a.readback.bytes + STAMP) : [] };
  });
  const slots = assignSlots(parts.map((part) => part.largest));
  const residents = new Set<Home>(also);
  for (const { readback, largest } of parts) {
    for (const e of largest.entries) for (const t of operandsOf(e)) if (t.home) residents.add(t.home);
    if (readback?.home) residents.add(readback.home);
  }
  const laid = { parts: new Map(parts.map((part) => [part.name, part])), slots, residents: [...residents] };
  return { ...laid, bytes: bytesByRole(homesOf(laid)) };
}

/** Every buffer of a plan. */
export function homesOf(p: Omit<Plan, 'bytes'>): Home[] {
  return [...p.residents, ...p.slots, ...[...p.parts.values()].flatMap((q) => [q.params, ...q.staging])];
}

/** Uniform records of a program that is cut no more than WebGPU asks for; an empty dispatch has one all the same. */
export function recordsOf({ entries }: Program): number {
  return entries.reduce((n, e) => n + (e.op === 'run' ? forcedPieces(e.grid) : 0), 0);
}

/** Further pieces into which a slow GPU would cut dispatches for their time; a processor freezes no screen. */
function timedPieces({ entries, planning }: Program): number {
  if (planning.software) return 0;
  return entries.reduce((n, e) => n + Math.floor(entryMs(e, SLOW_GPU) / SUBMIT_MS), 0);
}

/** Pieces that a grid must be cut into: no axis may have more workgroups than WebGPU allows. */
export const forcedPieces = (grid: Grid) => grid.reduce((n, size) => n * Math.max(1, Math.ceil(size / MOST_GROUPS)), 1);

function ring(name: string, bytes: number): Home[] {
  return Array.from(
    { length: RING },
    (_, i) => ({ name: `${name} staging ${i}`, bytes, role: 'staging', usage: USAGE.staging }) as Home,
  );
}

export function operandsOf(e: Entry): Tensor[] {
  return e.op === 'run' ? e.bind : e.op === 'copy' ? [e.from, e.to] : [e.to];
}

// --- slots --------------------------------------------------------------------------------------------------------------

/** From the first entry that names a tensor to the last. */
interface Life {
  tensor: Tensor;
  first: number;
  last: number;
}

/**
 * Greedy by size: the largest temporary first, each into the free slot that fits it best, else into a new one of its size.
 * Slots therefore never grow, and a slot's category is that of its largest tensor.
 */
function assignSlots(programs: Program[]): Home[] {
  const lives = lifetimes(programs).sort((a, b) => b.tensor.bytes - a.tensor.bytes || a.first - b.first);
  const slots: { home: Home; busy: Life[] }[] = [];
  for (const life of lives) {
    // slots are in decreasing size, so the last one that is free fits best
    let s = slots.length - 1;
    let at = -1;
    while (s >= 0 && (at = placeFor(life, slots[s].busy)) < 0) s--;
    if (s < 0) {
      const { bytes, role } = life.tensor;
      s = slots.push({ home: { name: `slot ${slots.length}`, bytes, role, usage: USAGE.storage }, busy: [] }) - 1;
      at = 0;
    }
    slots[s].busy.splice(at, 0, life);
    life.tensor.slot = slots[s].home;
  }
  return slots.map((s) => s.home);
}

/** Where a life goes among lives that follow each other; -1 where it meets one of them. */
function placeFor(life: Life, busy: Life[]): number {
  let [low, high] = [0, busy.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (busy[middle].last < life.first) low = middle + 1;
    else high = middle;
  }
  return low < busy.length && busy[low].first <= life.last ? -1 : low;
}

function lifetimes(programs: Program[]): Life[] {
  const all: Life[] = [];
  let time = 0;
  for (const p of programs) {
    const lives = new Map<Tensor, Life>(p.temps.map((tensor) => [tensor, { tensor, first: Number.POSITIVE_INFINITY, last: -1 }]));
    for (const e of p.entries) {
      for (const t of operandsOf(e)) {
        const life = lives.get(t);
        if (!life) {
          if (t.home) continue;
          throw new Error(`program ${p.name}: ${t.name} belongs to another program`);
        }
        life.first = Math.min(life.first, time);
        life.last = time;
      }
      time++;
    }
    for (const life of lives.values()) if (life.last >= 0) all.push(life);
  }
  return all;
}
