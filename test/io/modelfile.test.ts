// Modelfiles for Ollama: templates said in its language are those that the model's own writes, or none.
import { expect, test } from 'vitest';
import { modelfile, type Render } from '../../src/io/modelfile.ts';

const chatml =
  (standing?: string): Render =>
  (messages) =>
    `${standing && messages[0].role !== 'system' ? `<|im_start|>system\n${standing}<|im_end|>\n` : ''}${messages
      .map(({ role, content }) => `<|im_start|>${role}\n${content}<|im_end|>\n`)
      .join('')}<|im_start|>assistant\n`;
const llama3: Render = (messages) =>
  `${messages.map(({ role, content }) => `<|start_header_id|>${role}<|end_header_id|>\n\n${content}<|eot_id|>`).join('')}<|start_header_id|>assistant<|end_header_id|>\n\n`;
const mistral: Render = (messages) => {
  const [first, ...rest] = messages;
  const all =
    first.role === 'system' ? [{ ...rest[0], content: `${first.content}\n\n${rest[0].content}` }, ...rest.slice(1)] : messages;
  return all.map(({ role, content }) => (role === 'user' ? `[INST] ${content} [/INST]` : `${content}</s>`)).join('');
};

test('ChatML, with what it says for the system where nobody does', () => {
  const { text } = modelfile('m.gguf', chatml('You are a helpful AI.'), ['<|im_end|>']);
  expect(text).toBe(
    'FROM ./m.gguf\n' +
      'TEMPLATE """{{ range .Messages }}{{ if eq .Role "system" }}<|im_start|>system\n{{ .Content }}<|im_end|>\n' +
      '{{ else if eq .Role "user" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n' +
      '{{ else if eq .Role "assistant" }}<|im_start|>assistant\n{{ .Content }}<|im_end|>\n{{ end }}{{ end }}<|im_start|>assistant\n"""\n' +
      'SYSTEM """You are a helpful AI."""\n' +
      'PARAMETER stop "<|im_end|>"\n',
  );
});

test('Llama 3, which says nothing for it', () => {
  const { text, template } = modelfile('m.gguf', llama3, []);
  expect(template).toContain(
    '{{ else if eq .Role "user" }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Content }}<|eot_id|>{{ else',
  );
  expect(text).not.toContain('SYSTEM');
});

test.each([
  ['one that writes the system within the user', mistral],
  ['one that takes no system', ((m) => (m[0].role === 'system' ? JSON.parse('no') : chatml()(m))) as Render],
  ['none', undefined],
])('%s is left out rather than said wrongly', (_, render) => {
  expect(modelfile('m.gguf', render, ['</s>'])).toEqual({ text: 'FROM ./m.gguf\nPARAMETER stop "</s>"\n', template: undefined });
});
