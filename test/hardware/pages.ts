// The pages that hold counted figures, with the figures of now between their marks.

import type { Figures } from './figures.ts';
import type { Figures as KernelFigures } from './limits.ts';
import { allFigures, goalTable, shortTable } from './tables.ts';

/** Pages by name as they should be; `read` gives them as they are. */
export function pages(of: Map<string, Figures>, kernels: KernelFigures, read: (name: string) => string): Record<string, string> {
  const between = (name: string, mark: string, text: string) => {
    const [open, close] = [`<!-- ${mark} -->`, `<!-- /${mark} -->`];
    const page = read(name);
    const [from, to] = [page.indexOf(open), page.indexOf(close)];
    if (from < 0 || to < from) throw new Error(`expected ${open} and ${close} in ${name}, got a page without: put them in`);
    return `${page.slice(0, from)}${open}\n${text}\n${page.slice(to)}`;
  };
  return {
    'docs/gpu-figures.md': between('docs/gpu-figures.md', 'figures', allFigures(of)),
    'docs/gpu.md': between('docs/gpu.md', 'goals', goalTable(of, kernels)),
    'README.md': between('README.md', 'gpu', shortTable(of, kernels)),
  };
}
