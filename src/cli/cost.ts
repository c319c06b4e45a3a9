// What the steps of a run cost, as people see it: figures by rows, programs by columns, then the kernels that training costs most.

import { COST_ROWS, type CostLine, flops } from '../commands/cost-rows.ts';
import { bytes, grouped } from '../words.ts';
import { fitted, padded, paint, type Terminal } from './terminal.ts';

const NAME = 30;
const WIDE = 14;
/** Kernels that are listed. */
const SHOWN = 8;

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
    ...COST_ROWS.map(([name, of]) => ({ name, cells: costs.map(of) }))
      .filter(({ cells }) => cells.some(Boolean))
      .map(({ name, cells }) => row(name, cells)),
    ...(gpu ? ['', `times on ${gpu}: an estimate from counts, good to a factor of two, not a measurement`] : []),
    '',
    paint(t, 'bold', `kernels of ${program}, by FLOPs then bytes`),
    ...kernels,
    ...(rest > 0 ? [`and ${rest} more`] : []),
  ];
}
