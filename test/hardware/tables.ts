// The figures of figures.ts and limits.ts as tables of docs/gpu-figures.md, docs/gpu.md and README.md.

import { grouped } from '../../src/words.ts';
import { CASES, type Figures, figuresOf, GOALS, nameOf, notReached } from './figures.ts';
import type { Figures as KernelFigures } from './limits.ts';

/** The figures of every case, by name. */
export const measured = () => new Map(CASES.map((c) => [nameOf(c), figuresOf(c)]));

const table = (head: string[], rows: string[][]) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const EXACT: (keyof Figures)[] = ['dispatches', 'pipelines', 'submits', 'flops', 'flops_needed', 'bytes', 'bytes_needed'];
const HELD = GOALS.map((g) => g.of).filter((of) => !EXACT.includes(of));

/** Every case in full: what has a goal that is not reached is bold. */
export function allFigures(of: Map<string, Figures>): string {
  const columns = [...EXACT, ...HELD];
  const rows = CASES.map((c) => {
    const figures = of.get(nameOf(c))!;
    const open = notReached(c, figures);
    const cell = (what: keyof Figures) => {
      const text = Number.isInteger(figures[what]) ? grouped(figures[what]) : figures[what].toFixed(4);
      return what in open ? `**${text}**` : text;
    };
    return [`${nameOf(c)}${c.goals ? '' : ' (no goal)'}`, ...columns.map(cell)];
  });
  return table(['program `train`', ...columns.map((name) => `\`${name}\``)], rows);
}

interface Row {
  figure: string;
  /** Of the first engine that trained on a GPU at all, and what is wanted. */
  first: string;
  wanted: string;
  now: number[];
  reached: boolean;
}

const one = '1x512';
const four = '4x512';

/** The goals for SMT on Llama-3.2-1B in bf16, and on kernels. */
function goals(of: Map<string, Figures>, kernels: KernelFigures): Row[] {
  const llama = [one, four].map((size) => of.get(`Llama-3.2-1B bf16 smt ${size}`)!);
  const smollm = of.get(`SmolLM2-135M bf16 smt ${one}`)!;
  const factors = (model: string) => ['lora', 'dora'].map((method) => of.get(`${model} bf16 ${method} ${one}`)!.dispatches);
  const both = (what: keyof Figures) => llama.map((f) => f[what]);
  const row = (figure: string, first: string, wanted: string, now: number[], most: number[]): Row => ({
    ...{ figure, first, wanted, now },
    reached: now.every((n, i) => n <= (most[i] ?? most[0])),
  });
  return [
    row(`dispatches ${one}; ${four}`, '4,316; 12,159', 'at most 750; 900', both('dispatches'), [750, 900]),
    row(`dispatches of SmolLM2-135M ${one}`, '1,913', 'at most 800', [smollm.dispatches], [800]),
    row(`dispatches of LoRA; DoRA ${one}`, '', 'at most 750', factors('Llama-3.2-1B'), [750]),
    row(`the same, SmolLM2-135M`, '', 'at most 800', factors('SmolLM2-135M'), [800]),
    row(`bytes over the least possible, ${one}; ${four}`, '7.0; 7.9', 'at most 1.5', both('bytes_share'), [1.5]),
    row(`FLOPs of products with tiles filled, over needed`, '1.08', 'at most 1.05', both('padded_share'), [1.05]),
    row("visits of the head's weight a micro-batch", '22; 84', '2', both('head_visits'), [2]),
    row('products of fewer than 64 workgroups, k not split', '1,386', '0', both('small_grids'), [0]),
    row('private words an invocation, all kernels of hardware', '292 to 512', 'at most 112', [kernels.private], [112]),
    { ...row('smallest workgroup', '8', '32', [kernels.invocations], []), reached: kernels.invocations >= 32 },
    row('WGSL of a pipeline, entrants of contests included', '30 KB', 'at most 16 KB', [kernels.wgsl], [16384]),
    row('bank conflicts, lanes 0 to 31', '16-way', 'at most 2-way', [kernels.conflicts], [2]),
  ];
}

const shown = (n: number) => (Number.isInteger(n) ? grouped(n) : n.toFixed(2));

export function goalTable(of: Map<string, Figures>, kernels: KernelFigures): string {
  const rows = goals(of, kernels).map((r) => [
    r.figure,
    r.first,
    r.wanted,
    r.now.map(shown).join('; '),
    r.reached ? 'reached' : '**open**',
  ]);
  return table(['figure, Llama-3.2-1B bf16 smt unless said', 'at first', 'wanted', 'now', ''], rows);
}

/** The short form. */
export function shortTable(of: Map<string, Figures>, kernels: KernelFigures): string {
  const rows = goals(of, kernels).slice(0, 8);
  return table(
    ['SMT step of Llama-3.2-1B in bf16, counted, unless said', 'now', 'wanted', ''],
    rows.map((r) => [r.figure, r.now.map(shown).join('; '), r.wanted, r.reached ? 'reached' : '**not reached**']),
  );
}
