import { expect, test } from 'vitest';
import recipe from '../../demo/recipe.json' with { type: 'json' };

const { model, pretrain, prototype, smt, task } = recipe;
const q = model.num_attention_heads * model.head_dim;
const kv = model.num_key_value_heads * model.head_dim;
const targets =
  model.num_hidden_layers *
  (2 * q * model.hidden_size + 2 * kv * model.hidden_size + 3 * model.intermediate_size * model.hidden_size);

test('the prototype trained the blocks that the budget buys', () => {
  expect(prototype.target_blocks).toBe(targets / 16 ** 2);
  expect(smt.budget).toBe('5%t');
  expect(prototype.trained_blocks).toBe(Math.floor((0.05 * targets) / 16 ** 2));
});

test('the data suffices: no pretraining row is used twice, no lesson more than twice', () => {
  expect(pretrain.data.rows).toBe(pretrain.steps * pretrain.batch);
  expect(task.rows * 2).toBeGreaterThanOrEqual(smt.steps * smt.batch);
});

test('pretraining stays below 1e13 FLOP, at 6 a parameter and token', () => {
  const tokensARow = 24;
  expect(6 * prototype.parameters * pretrain.data.rows * tokensARow).toBeLessThan(1e13);
});
