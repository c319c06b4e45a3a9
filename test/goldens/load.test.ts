// That the goldens' own reading of a model folder and the product's agree, and what each family is there for.
import { describe, expect, test } from 'vitest';
import { configFromHf } from '../../src/io/config.ts';
import { FAMILIES, loadGolden } from './load.ts';

describe.each(FAMILIES)('%s', async (family) => {
  const { config, files, rows, weights, tensors, curves } = await loadGolden(family);
  const product = configFromHf(JSON.parse(new TextDecoder().decode(files['config.json'])));

  test('the product reads the same config', () => {
    expect(product).toMatchObject(config);
    expect(product.tie_word_embeddings).toBe(!weights.has('lm_head.weight'));
    expect(product.attention_bias).toBe(weights.has('model.layers.0.self_attn.q_proj.bias'));
    expect(product.o_bias).toBe(weights.has('model.layers.0.self_attn.o_proj.bias'));
    expect(product.mlp_bias).toBe(weights.has('model.layers.0.mlp.down_proj.bias'));
    expect(product.qk_norm).toBe(weights.has('model.layers.0.self_attn.q_norm.weight'));
  });

  test('every weight has a gradient of its shape that is not nothing', () => {
    for (const [name, { shape }] of weights) {
      const gradient = tensors.get(`grad/${name}`)!;
      expect(gradient.shape, name).toEqual(shape);
      expect(Math.max(...gradient.data), name).toBeGreaterThan(1e-5);
    }
  });

  test('rows are unlike, blocks unlike and within their matrices, some steps clipped', () => {
    expect(new Set(rows.map((r) => r.input_ids.length)).size).toBe(12);
    expect(rows.some((r) => r.labels.includes(-100)) && rows.some((r) => !r.labels.includes(-100))).toBe(true);
    for (const { block, blocks, clip, grad_norm } of Object.values(curves)) {
      expect(grad_norm.some((n) => n > clip) && grad_norm.some((n) => n < clip)).toBe(true);
      if (!blocks) continue;
      expect(new Set(blocks.map(String)).size).toBe(blocks.length);
      for (const [name, row, col] of blocks) {
        const [out, inner] = weights.get(name)!.shape;
        expect((row + 1) * block! <= out && (col + 1) * block! <= inner, `${name} ${row} ${col}`).toBe(true);
      }
    }
  });
});

test('the families differ in what they are there for', async () => {
  const all = await Promise.all(FAMILIES.map(loadGolden));
  const group = all.map(({ config }) => config.n_heads / config.n_kv_heads);
  expect(group).toEqual([3, 1, 3, 2, 2, 2, 4]);
  expect(all.map(({ config }) => config.rope.scaling?.type ?? 'default')).toEqual([
    'llama3',
    'linear',
    ...Array(5).fill('default'),
  ]);
  expect(all.map(({ weights }) => weights.has('lm_head.weight'))).toEqual([false, true, true, false, true, true, false]);
  expect(all.map(({ config }) => config.nope_layers)).toEqual([...Array(6).fill([]), [1]]);
  expect(all[3].config.head_dim * all[3].config.n_heads).toBe(2 * all[3].config.hidden_size);
  expect(all.some(({ config }) => config.intermediate_size % 16 !== 0)).toBe(true);
});
