// Is it the blocks that a choice by gradient is right about, or the matrices? A selection with as many blocks in every matrix, which of them
// by lot: node scripts/evidence/compare/redraw.mjs blocks.json MODEL SEED > drawn.json; then train --selection, as with the file it is from.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const [file, model, seed] = process.argv.slice(2);
if (!seed) throw new Error('expected blocks.json MODEL SEED, got fewer words');
const selection = JSON.parse(readFileSync(file, 'utf8'));
const config = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
const { hidden_size: D, intermediate_size: F, num_attention_heads: heads } = config;
const head = config.head_dim ?? D / heads;
const [q, kv] = [heads * head, (config.num_key_value_heads ?? heads) * head];
/** Rows and columns of each matrix. */
const SHAPES = {
  q_proj: [q, D],
  k_proj: [kv, D],
  v_proj: [kv, D],
  o_proj: [D, q],
  gate_proj: [F, D],
  up_proj: [F, D],
  down_proj: [D, F],
};

const b = selection.block;
const draw = minimalStandard(1 + Number(seed));
const counts = new Map();
for (const { layer, module } of selection.blocks) counts.set(`${layer} ${module}`, (counts.get(`${layer} ${module}`) ?? 0) + 1);
const blocks = [...counts].flatMap(([at, n]) => {
  const [layer, module] = at.split(' ');
  const [down, across] = SHAPES[module].map((x) => x / b);
  const places = Array.from({ length: down * across }, (_, i) => ({ i, by: draw() })).sort((x, y) => x.by - y.by);
  return places
    .slice(0, n)
    .map(({ i }) => ({ layer: Number(layer), module, row: Math.floor(i / across), col: i % across, score: 0 }));
});
console.log(JSON.stringify({ ...selection, blocks }));

/** Park and Miller's generator. */
function minimalStandard(seed) {
  let state = seed;
  for (let i = 0; i < 8; i++) state = (state * 48271) % 2147483647; // small seeds begin alike
  return () => {
    state = (state * 48271) % 2147483647;
    return state;
  };
}
