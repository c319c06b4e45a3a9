// What the list of exports says before anything is made: names, sizes, dtypes, formats.
import { expect, test } from 'vitest';
import { aboutBytes, dtypeFor, formatsOf, nameFor, saidOf } from '../../../web/own/export-words.ts';

test.each([
  ['Tiny model', 'gguf', 'q4_0', null, 'Tiny-model-tuned-q4_0.gguf'],
  ['SmolLM2-135M.Q4_1.gguf', 'gguf', 'f16', null, 'SmolLM2-135M.Q4_1-tuned-f16.gguf'],
  ['hf:OWNER/Name-1B', 'hf', 'bf16', null, 'Name-1B-tuned-hf-bf16'],
  ['../..', 'peft', null, null, 'model-tuned-peft'],
  ['../..', 'peft', null, 8, 'model-tuned-peft-r8'],
  ['<img src=x>', 'onnx', 'q4', null, 'img-src-x-tuned-onnx-q4'],
] as const)('%s as %s %s, rank %s, is called %s', (name, format, dtype, svd, called) => {
  expect(nameFor({ name, files: [] }, format, dtype, svd)).toBe(called);
});

test.each([
  ['f32', 4e6],
  ['bf16', 2e6],
  ['q8_0', 1.0625e6],
  ['q4_k_m', 0.5625e6],
  ['q4', 0.625e6 + 4 * 1000 * 64],
])('a million values in %s are about %d bytes', (dtype, bytes) => {
  expect(aboutBytes({ parameters: 1e6, vocab_size: 1000, hidden_size: 64 }, dtype)).toBe(bytes);
});

test('the base’s dtype where the format has it', () => {
  expect(dtypeFor('gguf', 'bf16')).toBe('bf16');
  expect(dtypeFor('onnx', 'bf16')).toBe('f32');
  expect(dtypeFor('peft', 'f32')).toBe(null);
});

test('a model that was trained itself has no adapter', () => {
  expect(formatsOf({ model: false })).toEqual(['hf', 'gguf', 'onnx', 'peft']);
  expect(formatsOf({ model: true })).toEqual(['hf', 'gguf', 'onnx']);
});

test('what the check came to is a sentence', () => {
  const home = { bytes: 1, rows: 8, tuned: 1.23e-5, base: 0.4567, logits: null, notes: [], at: null, download: null };
  expect(saidOf(home)).toBe(
    'Opened again and compared on 8 rows: log-probabilities are within 1.2e-5 nats of the tuned model’s; the untrained model’s are up to 0.46 away.',
  );
  expect(saidOf({ ...home, logits: { rows: 4, tuned: 2e-6 } })).toMatch(
    /^Run in onnxruntime-web on 4 rows of yours: logits are within 2.0e-6 of the tuned model’s\. Compared on 8 rows: log-prob/,
  );
});
