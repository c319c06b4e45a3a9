// What the steps of a run cost, as people see it: figures by rows, programs by columns, then the kernels that training costs most.

import type { Line } from '../report.ts';
import { bytes, grouped } from '../words.ts';
import { fitted, padded, paint, type Terminal } from './terminal.ts';

export type CostLine = Extract<Line, { kind: 'cost' }>;

const NAME = 30;
const WIDE = 14;
/** Kernels that are listed. */
const SHOWN = 8;

const flops = (n: number) => (n >= 1e12 ? `${(n / 1e12).toPrecision(3)} TFLOP` : `${(n / 1e9).toPrecision(3)} GFLOP`);
const time = (ms: number) => (ms >= 1000 ? `${(ms / 1000).toPrecision(3)} s` : `${ms.toPrecision(3)} ms`);

const ROWS: [string, (c: CostLine) => string | undefined][] = [
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

/** `blocktune plan --cost`: programs by columns, a step of each; below it the kernels of training. */
export function costTable(t: Terminal, costs: CostLine[]): string[] {
  const row = (name: string, cells: (string | undefined)[]) =>
    padded(name, NAME) + cells.map((cell = '') => cell.padStart(WIDE)).join('');
  const { gpu, program, by_kernel } = costs.find((c) => c.program === 'train') ?? costs[0];
  const heading = paint(
    t,
    'bold',
    row(
      'a step',
      costs.map((c) => c.program),
    ),
  );
  const kernels = by_kernel.slice(0, SHOWN).map(({ name, ...k }) => {
    const figures = [grouped(k.dispatches).padStart(8), flops(k.flops).padStart(WIDE), bytes(k.bytes).padStart(WIDE)].join('');
    return `${padded(fitted(t, name, NAME + 6), NAME + 8)}${figures}`;
  });
  const rest = by_kernel.length - kernels.length;
  return [
    '',
    heading,
    ...ROWS.map(([name, of]) => ({ name, cells: costs.map(of) }))
      .filter(({ cells }) => cells.some(Boolean))
      .map(({ name, cells }) => row(name, cells)),
    ...(gpu ? ['', `times on ${gpu}: an estimate from counts, good to a factor of two, not a measurement`] : []),
    '',
    paint(t, 'bold', `kernels of ${program}, by FLOPs then bytes`),
    ...kernels,
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ];
}
