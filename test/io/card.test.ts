import { expect, test } from 'vitest';
import { hubName } from '../../src/io/card.ts';

test.each([
  ['hf:HuggingFaceTB/SmolLM2-135M-Instruct', 'HuggingFaceTB/SmolLM2-135M-Instruct'],
  ['https://huggingface.co/Qwen/Qwen3-0.6B/resolve/main/model.gguf', 'Qwen/Qwen3-0.6B'],
  ['../models/SmolLM2.Q4_1.gguf', 'SmolLM2.Q4_1'],
  ['models/mine/', 'mine'],
])('%s is called %s on a card: no path of a person', (place, name) => expect(hubName(place)).toBe(name));
