// f64 reference of a training run: batches in file order, clipping, AdamW on everything or on chosen blocks of matrices.
import { type AdamW, adamw, clipScale, globalNorm } from './adamw.ts';
import { putBlocks, takeBlocks } from './blocks.ts';
import { type Config, lossAndGradients, pack, type Row, type Weights } from './model.ts';

export type Recipe = AdamW & { clip: number; block?: number; blocks?: [name: string, row: number, col: number][] };

/** Train `weights` in place for `steps` steps of `size` rows, over and over the rows; the loss and norm of each step before it. */
export function train(config: Config, weights: Weights, rows: Row[], size: number, steps: number, recipe: Recipe) {
  const parts = recipe.blocks ? blockParts(config, recipe.blocks, recipe.block!) : wholeParts(config, weights);
  const moments = new Map<string, [Float64Array, Float64Array]>();
  const curve = { loss: [] as number[], grad_norm: [] as number[] };
  for (let step = 1; step <= steps; step++) {
    const from = ((step - 1) * size) % rows.length;
    const { loss, grads } = lossAndGradients(config, weights, pack(rows.slice(from, from + size)));
    const partGrads = parts.map((part) => part.take(grads.get(part.name)!));
    const norm = globalNorm(partGrads);
    parts.forEach(({ key, name, take, put, decays }, i) => {
      const g = partGrads[i];
      if (!moments.has(key)) moments.set(key, [new Float64Array(g.length), new Float64Array(g.length)]);
      const w = take(weights.get(name)!);
      const options = decays ? recipe : { ...recipe, weight_decay: 0 };
      adamw(w, g, ...moments.get(key)!, step, options, clipScale(norm, recipe.clip));
      put(weights.get(name)!, w);
    });
    curve.loss.push(loss);
    curve.grad_norm.push(norm);
  }
  return curve;
}

/** What trains: how to take it out of a tensor and put it back. Decay acts on matrices only. */
type Part = {
  key: string;
  name: string;
  decays: boolean;
  take: (w: Float64Array) => Float64Array;
  put: (w: Float64Array, part: Float64Array) => void;
};

function wholeParts(config: Config, weights: Weights): Part[] {
  return [...weights.keys()].map((name) => ({
    key: name,
    name,
    decays: columnsOf(config, name) !== null,
    take: (w) => w.slice(),
    put: (w, part) => w.set(part),
  }));
}

function blockParts(config: Config, blocks: [string, number, number][], b: number): Part[] {
  return blocks.map(([name, ...index]) => {
    const inner = columnsOf(config, name)!;
    const take = (w: Float64Array) => takeBlocks(w, index, b, inner);
    return { key: `${name}/${index}`, name, decays: true, take, put: (w, part) => putBlocks(w, part, index, b, inner) };
  });
}

/** The columns of a matrix by its name; null for norms and biases. */
export function columnsOf(config: Config, name: string): number | null {
  if (name.endsWith('.bias') || name.includes('norm')) return null;
  if (name.includes('o_proj')) return config.n_heads * config.head_dim;
  return name.includes('down_proj') ? config.intermediate_size : config.hidden_size;
}
