// What steps cost on published models is what docs and README say, to the dispatch and the byte: a change shows in review.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { CASES, type Figures, nameOf, notReached } from './figures.ts';
import { hardwareDispatches } from './kernels.ts';
import { worstOf } from './limits.ts';
import { pages } from './pages.ts';
import { measured } from './tables.ts';

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

let figures: Map<string, Figures>;
let made: Record<string, string>;
beforeAll(() => {
  figures = measured();
  made = pages(figures, worstOf(hardwareDispatches().values()), read);
});

test.each(['docs/gpu-figures.md', 'docs/gpu.md', 'README.md'])(
  '%s holds the figures of now (npm run figures writes them)',
  (name) => {
    expect(made[name]).toBe(read(name));
  },
);

describe('goals', () => {
  test.each(CASES.filter((c) => c.goals).map((c) => [nameOf(c), c] as const))('%s', (name, c) => {
    expect(notReached(c, figures.get(name)!)).toEqual({});
  });
});
