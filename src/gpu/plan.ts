// Memory of programs, known to the byte before anything is allocated. No GPU here.
// Temporaries whose lifetimes do not meet share a slot. Programs planned together share slots too: they never run at once,
// so their dispatch lists are simply laid one behind the other in time.

import { type Build, type Dims, type Entry, type Program, trace } from './program.ts';
import { type Home, ROLES, type Role, type Tensor, USAGE } from './tensor.ts';

/** One program to plan: how it is traced, the largest sizes it will run at, and what it reads back each time. */
export interface Part {
  name: string;
  build: Build;
  dims: Dims;
  readback?: Tensor;
}

export type Bytes = Record<Role | 'total', number>;

export interface PlannedProgram {
  part: Part;
  largest: Program;
  /** Slot of each temporary, by order of creation. */
  slotOf: number[];
  /** Uniform records: one a dispatch, and spare ones for cut dispatches. */
  records: number;
  params: Home;
  staging: Home[];
}

export interface Plan {
  programs: Map<string, PlannedProgram>;
  slots: Home[];
  residents: Home[];
  bytes: Bytes;
}

/** Uniform records lie 256 bytes apart: WebGPU's default minUniformBufferOffsetAlignment. */
export const RECORD = 256;
/** Spare records for dispatches that are cut in pieces. */
export const SPARE = 256;
/** Results on their way to the host at one time. */
export const RING = 4;

/** Plans programs that share one set of slots. `also`: residents that no dispatch names but that live meanwhile. */
export function plan(parts: Part[], limits: { maxBinding: number }, also: Home[] = []): Plan {
  const traced = parts.map((part) => ({ part, largest: trace(part.name, part.build, part.dims, limits) }));
  const { slots, slotOf } = assignSlots(traced.map((t) => t.largest));
  const residents = new Set<Home>(also);
  for (const { part, largest } of traced) {
    for (const e of largest.entries) for (const t of tensorsOf(e)) if (t.home) residents.add(t.home);
    if (part.readback?.home) residents.add(part.readback.home);
  }
  const programs = new Map<string, PlannedProgram>();
  traced.forEach(({ part, largest }, i) => {
    const records = largest.entries.filter((e) => e.op === 'run').length + SPARE;
    programs.set(part.name, {
      part,
      largest,
      slotOf: slotOf[i],
      records,
      params: { name: `${part.name} params`, bytes: records * RECORD, role: 'other', usage: USAGE.uniform },
      staging: part.readback ? ring(part.name, part.readback.bytes) : [],
    });
  });
  const made: Plan = { programs, slots, residents: [...residents], bytes: { ...noBytes } };
  made.bytes = count(homesOf(made));
  return made;
}

/** Every buffer of a plan. */
export function homesOf(p: Plan): Home[] {
  return [...p.residents, ...p.slots, ...[...p.programs.values()].flatMap((q) => [q.params, ...q.staging])];
}

/** Bytes by category and their sum. */
export function count(homes: Iterable<Home>): Bytes {
  const bytes = { ...noBytes };
  for (const h of homes) {
    bytes[h.role] += h.bytes;
    bytes.total += h.bytes;
  }
  return bytes;
}

const noBytes = Object.fromEntries([...ROLES, 'total'].map((r) => [r, 0])) as Bytes;

function ring(name: string, bytes: number): Home[] {
  return Array.from(
    { length: RING },
    (_, i) => ({ name: `${name} staging ${i}`, bytes, role: 'staging', usage: USAGE.staging }) as Home,
  );
}

export function tensorsOf(e: Entry): Tensor[] {
  return e.op === 'run' ? e.bind : e.op === 'copy' ? [e.from, e.to] : [e.to];
}

interface Life {
  program: number;
  index: number;
  tensor: Tensor;
  first: number;
  last: number;
}

/**
 * Greedy by size: the largest temporary first, each into the free slot that fits it best, else into a new one of its size.
 * Slots therefore never grow, and a slot's category is that of its largest tensor.
 */
function assignSlots(programs: Program[]): { slots: Home[]; slotOf: number[][] } {
  const lives = lifetimes(programs).sort((a, b) => b.tensor.bytes - a.tensor.bytes || a.first - b.first);
  const slots: { home: Home; busy: Life[] }[] = [];
  const slotOf = programs.map((p) => new Array<number>(p.temps.length).fill(-1));
  for (const life of lives) {
    // slots are in decreasing size, so the last one that is free fits best
    let s = slots.length - 1;
    while (s >= 0 && slots[s].busy.some((b) => b.first <= life.last && life.first <= b.last)) s--;
    if (s < 0) {
      const { bytes, role } = life.tensor;
      s = slots.push({ home: { name: `slot ${slots.length}`, bytes, role, usage: USAGE.storage }, busy: [] }) - 1;
    }
    slots[s].busy.push(life);
    slotOf[life.program][life.index] = s;
  }
  return { slots: slots.map((s) => s.home), slotOf };
}

function lifetimes(programs: Program[]): Life[] {
  const lives = new Map<Tensor, Life>();
  let time = 0;
  programs.forEach((p, program) => {
    p.temps.forEach((tensor, index) => {
      lives.set(tensor, { program, index, tensor, first: Number.POSITIVE_INFINITY, last: -1 });
    });
    for (const e of p.entries) {
      for (const t of tensorsOf(e)) {
        const life = lives.get(t);
        if (life?.program !== program) {
          if (t.home) continue;
          throw new Error(`program ${p.name}: ${t.name} belongs to another program`);
        }
        life.first = Math.min(life.first, time);
        life.last = time;
      }
      time++;
    }
  });
  return [...lives.values()].filter((l) => l.last >= 0);
}
