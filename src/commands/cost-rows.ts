// What people are shown of a step's cost, and in which words: the rows of the command line's table and of the page's.

import type { Line } from '../report.ts';
import { bytes, grouped } from '../words.ts';

export type CostLine = Extract<Line, { kind: 'cost' }>;

export const flops = (n: number) => (n >= 1e12 ? `${(n / 1e12).toPrecision(3)} TFLOP` : `${(n / 1e9).toPrecision(3)} GFLOP`);
const time = (ms: number) => (ms >= 1000 ? `${(ms / 1000).toPrecision(3)} s` : `${ms.toPrecision(3)} ms`);

/** Rows by name, each with its figure of a program; none where a line has none. */
export const COST_ROWS: [string, (c: CostLine) => string | undefined][] = [
  ['dispatches', (c) => grouped(c.dispatches)],
  ['pipelines', (c) => grouped(c.pipelines)],
  ['submits', (c) => grouped(c.submits)],
  ['FLOPs', (c) => flops(c.flops)],
  ['  needed', (c) => flops(c.flops_needed)],
  ['bytes read and written', (c) => bytes(c.bytes)],
  ['  the least possible', (c) => bytes(c.bytes_needed)],
  ["the head's weight is read", (c) => `${c.head_visits.toFixed(2)} times`],
  ['products of few workgroups', (c) => grouped(c.small_grids)],
  ['tiles filled, over needed', (c) => c.padded_share.toFixed(3)],
  ['private floats, at most', (c) => grouped(c.private_floats)],
  ['smallest workgroup', (c) => grouped(c.min_workgroup)],
  ['longest WGSL', (c) => bytes(c.wgsl_bytes)],
  ['expected time, an estimate', (c) => c.expected && time(c.expected.ms)],
  ['  most of it', (c) => c.expected?.bound],
  ['  at its published peak', (c) => c.expected && time(c.expected.ideal_ms)],
];
