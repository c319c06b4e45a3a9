import { expect, test } from 'vitest';
import { published } from '../../src/commands/export/card.ts';
import { hubName } from '../../src/io/card.ts';

test.each([
  ['hf:HuggingFaceTB/SmolLM2-135M-Instruct', 'HuggingFaceTB/SmolLM2-135M-Instruct'],
  ['https://huggingface.co/Qwen/Qwen3-0.6B/resolve/main/model.gguf', 'Qwen/Qwen3-0.6B'],
  ['../models/SmolLM2.Q4_1.gguf', 'SmolLM2.Q4_1'],
  ['models/mine/', 'mine'],
])('%s is called %s on a card: no path of a person', (place, name) => expect(hubName(place)).toBe(name));

test('the command on a card names places of a machine by their last part', () => {
  const given = {
    model: '/srv/models/llama/',
    adapter: '../runs/mine',
    out: 'C:\\ann\\out',
    data: ['~/rows.jsonl', 'd/x.csv'],
  };
  expect(published({ ...given, format: 'gguf', rank: 4 })).toEqual({
    ...{ model: 'llama', adapter: 'mine', out: 'out', data: ['rows.jsonl', 'd/x.csv'] },
    ...{ format: 'gguf', rank: 4 },
  });
  const afar = { model: 'hf:owner/name', adapter: 'https://x.org/a' };
  expect(published(afar)).toEqual(afar);
});
