// The f64 reference of Muon against PyTorch (goldens/make_muon.py), and its singular values against what they must be.
import { expect, test } from 'vitest';
import '../compare.ts';
import goldens from '../goldens/muon.json';
import { noise } from './finite.ts';
import { muon, singularValues } from './muon.ts';

test.each(goldens.updates.map((u) => [u.shape.join(' x '), u] as const))('an update of %s as PyTorch has it', (_, u) => {
  const [rows, cols] = u.shape;
  const param = new Float64Array(rows * cols);
  muon(param, u.grad, new Float64Array(rows * cols), { rows, cols, lr: 1, beta: 0.9, weight_decay: 0, scale: 1 });
  expect(param).toBeCloseL2(u.update, 1e-6);
});

test('singular values: their squares sum to the squared norm, and those of a diagonal are its elements', () => {
  const diagonal = Float64Array.from({ length: 12 }, (_, i) => (i % 5 === 0 ? i / 5 + 1 : 0));
  expect(singularValues(diagonal, 3, 4)).toBeCloseL2([3, 2, 1], 1e-12);
  const x = noise(5 * 9, 1);
  const sum = singularValues(x, 9, 5).reduce((s, y) => s + y * y, 0);
  expect(sum).toBeCloseTo(
    Array.from(x).reduce((s, y) => s + y * y, 0),
    10,
  );
});
