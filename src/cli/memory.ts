// Memory as people see it: one bar of what a run needs by category, and the tables of `blocktune plan`.

import type { Line } from '../report.ts';
import { bytes, count } from '../words.ts';
import { fitting, flowed, type Ink, padded, paint, type Terminal } from './terminal.ts';

export type PlanLine = Extract<Line, { kind: 'plan' }>;
type Category = keyof PlanLine['bytes'];

const INK: Partial<Record<Category, Ink>> = {
  weights: 'blue',
  trained: 'green',
  gradients: 'yellow',
  moments: 'magenta',
  activations: 'cyan',
  temporaries: 'red',
};
const SHADES = { unicode: '█▓▒░', ascii: '#=+-' };

const size = (n: number) => (n ? bytes(n) : '-');
const short = (n: number) => count(n).replace(' thousand', ' K').replace(' million', ' M').replace(' billion', ' B');
/** The categories that any of the plans has bytes of, in the engine's order. */
const categoriesOf = (...plans: Pick<PlanLine, 'bytes'>[]) =>
  (Object.keys(plans[0].bytes) as Category[]).filter((c) => c !== 'total' && plans.some((p) => p.bytes[c] > 0));

/** The bar of all categories, largest first, and below it what each is: two lines. */
export function memoryBar(t: Terminal, b: PlanLine['bytes'], width: number): string[] {
  const order = categoriesOf({ bytes: b }).sort((x, y) => b[y] - b[x]);
  const shades = t.unicode ? SHADES.unicode : SHADES.ascii;
  const shown = order.filter((c) => b[c] / b.total > 0.5 / width);
  const ends = shown.map((_, i) => Math.round((shown.slice(0, i + 1).reduce((n, c) => n + b[c], 0) / b.total) * width));
  const color = (c: Category, i: number, text: string) => paint(t, INK[c] ?? (i % 2 ? 'dim' : 'bold'), text);
  const cell = (i: number) => (t.colors ? shades[0] : shades[i % shades.length]);
  const line = shown.map((c, i) => color(c, i, cell(i).repeat(ends[i] - (ends[i - 1] ?? 0)))).join('');
  const legend = order.map((c, i) => `${shown.includes(c) ? `${color(c, i, cell(i))} ` : ''}${c} ${bytes(b[c])}`);
  return [line, ...flowed(legend, '  ', width)];
}

/** `blocktune plan`: categories by rows, programs by columns, a bar for the first. */
export function planTable(t: Terminal, plans: PlanLine[]): string[] {
  const order = categoriesOf(...plans);
  const most = Math.max(...order.map((c) => plans[0].bytes[c]));
  const room = Math.max(0, t.width - 17 - 12 * plans.length);
  const row = (c: Category) => {
    const n = Math.round((plans[0].bytes[c] / most) * room);
    return `${padded(c, 14)}${plans.map((p) => size(p.bytes[c]).padStart(12)).join('')}  ${paint(t, 'cyan', (t.unicode ? '█' : '#').repeat(n))}`;
  };
  const bound = plans.some((p) => p.bound);
  return [
    paint(t, 'bold', `${padded('', 14)}${plans.map((p, i) => headOf(plans, p, i).padStart(12)).join('')}`),
    ...order.map(row),
    paint(t, 'bold', `${padded('total', 14)}${plans.map((p) => bytes(p.bytes.total).padStart(12)).join('')}`),
    '',
    `trains ${count(plans[0].trainable)} parameters; ${bound ? 'an upper bound, as the blocks are not chosen yet' : 'exact'}`,
  ];
}

/** The program; where it comes a second time, in what it differs. */
function headOf(plans: PlanLine[], { program, recompute }: PlanLine, i: number): string {
  const again = plans.findIndex((p) => p.program === program) < i;
  return again ? (recompute ? 'recomputed' : 'kept') : program;
}

/** `blocktune plan --table`: methods by rows, budgets by columns, then what the bytes are for. */
export function methodTable(t: Terminal, plans: PlanLine[], rank: number): string[] {
  const budgets = [...new Set(plans.map((p) => p.budget ?? null))].filter((b) => b !== null);
  const methods = [...new Set(plans.map((p) => p.method!))];
  // shares are of what trains the most: everything
  const full = plans.reduce((most, p) => (p.trainable > most.trainable ? p : most), plans[0])?.bytes.total;
  const cell = (p: PlanLine | undefined, text: (p: PlanLine) => string) => (p ? text(p) : '').padStart(10);
  const at = (method: string, budget: string) => plans.find((p) => p.method === method && (p.budget ?? budget) === budget);
  const name = (method: string) => (plans.some((p) => p.method === method && p.rank) ? `${method} r${rank}` : method);
  const wideName = Math.max(9, ...methods.map((m) => name(m).length + 2));
  const rows = (text: (p: PlanLine) => string) =>
    methods.map((m) => `${padded(name(m), wideName)}${budgets.map((b) => cell(at(m, b), text)).join('')}`);
  const head = paint(t, 'bold', `${padded('', wideName)}${budgets.map((b) => b.padStart(10)).join('')}`);
  const share = (p: PlanLine) => (full ? `${((100 * p.bytes.total) / full).toFixed(1)} %` : '');
  const columns = plans.map((p) => [p.method, p.budget].filter(Boolean).join(' '));
  const wide = Math.max(10, ...columns.map((c) => c.length + 2));
  const row = (name: string, group: number[], of: (i: number) => string) =>
    padded(name, 14) + group.map((i) => of(i).padStart(wide)).join('');
  const order = categoriesOf(...plans);
  return [
    paint(t, 'dim', 'bytes on the GPU'),
    head,
    ...rows((p) => bytes(p.bytes.total)),
    '',
    ...(full ? [paint(t, 'dim', 'share of full fine-tuning'), head, ...rows(share), ''] : []),
    paint(t, 'dim', 'by category'),
    ...fitting(new Array(plans.length).fill(wide), 14, t.width - 1).flatMap((group) => [
      paint(
        t,
        'bold',
        row('', group, (i) => columns[i]),
      ),
      ...order.map((c) => row(c, group, (i) => size(plans[i].bytes[c]))),
      row('trainable', group, (i) => short(plans[i].trainable)),
      '',
    ]),
  ].slice(0, -1);
}
