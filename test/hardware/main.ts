// npm run figures: counts what steps cost on published models and writes it into docs/gpu-figures.md, docs/gpu.md and README.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { hardwareDispatches } from './kernels.ts';
import { worstOf } from './limits.ts';
import { pages } from './pages.ts';
import { measured } from './tables.ts';

const root = new URL('../../', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, root), 'utf8');
const made = pages(measured(), worstOf(hardwareDispatches().values()), read);
for (const [name, text] of Object.entries(made)) {
  const changed = text !== read(name);
  if (changed) writeFileSync(new URL(name, root), text);
  console.log(`${name}: ${changed ? 'written' : 'as it was'}`);
}
