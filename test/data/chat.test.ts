import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { assistantSpans, openTurn } from '../../src/data/chat.ts';
import { encodeSpans } from '../../src/data/spans.ts';
import { chat, render } from '../../src/data/template.ts';
import { describeShared, sharedJson, there } from './shared.ts';

/** First digits of the SHA-256 of what Python writes. */
const OF_PYTHON: Record<string, RegExp> = { 'MadeAgents/Hammer2.1': /^abfc928b0a510de2/ };

const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });

describeShared('published chat templates', () => {
  const cases = there ? sharedJson('data/vectors/chat-template/hf-jinja-e2e.json') : [];

  test.each<[string, any]>(cases.map((one: any) => [one.name, one]))('%s', (name, { chat_template, data, expected }) => {
    const { text } = render(chat_template, data, '2025-07-10');
    // the file has what a reimplementation in JavaScript writes; where Python prints a list of its own, Python is right
    if (name in OF_PYTHON) expect(createHash('sha256').update(text).digest('hex')).toMatch(OF_PYTHON[name]);
    else expect(text).toBe(expected);
  });

  const template = (name: string) => cases.find((one: any) => one.name === name).chat_template;
  const named = { bos_token: '<s>', eos_token: '</s>' };
  const twice = [user('one'), assistant('first'), user('two'), assistant('second')];

  // What each template has the model say: the learned spans of the same four messages.
  test.each([
    ['HuggingFaceH4/zephyr-7b-beta (add_generation_prompt=true)', ['first</s>', 'second</s>']],
    ['Qwen/Qwen1.5-72B-Chat', ['first<|im_end|>', 'second<|im_end|>']],
    ['Qwen/Qwen3-0.6B', ['first<|im_end|>', '<think>\n\n</think>\n\nsecond<|im_end|>']],
    ['meta-llama/Llama-3.1-8B-Instruct', ['first<|eot_id|>', 'second<|eot_id|>']],
    ['mistralai/Mixtral-8x7B-Instruct-v0.1', ['first</s>', 'second</s>']],
    ['llama', [' first </s>', ' second </s>']],
    ['deepseek-ai/DeepSeek-R1', ['first<｜end▁of▁sentence｜>', 'second<｜end▁of▁sentence｜>']],
    ['HuggingFaceTB/SmolLM3-3B', ['first<|im_end|>', 'second<|im_end|>']],
  ])('%s: learned spans', (name, learned) => {
    const eos = learned[1].match(/<[^<]*>$/)![0];
    const ask = chat(template(name), { ...named, eos_token: eos, USE_DEFAULT_PROMPT: '' });
    const { text, spans } = assistantSpans(twice, ask, { eos });
    expect(spans.map(({ from, to }) => text.slice(from, to))).toEqual(learned);
  });

  test('the text before a turn is what the model is asked with', () => {
    const ask = chat(template('Qwen/Qwen1.5-72B-Chat'), named);
    const { text, spans } = assistantSpans(twice, ask);
    expect(openTurn(twice, ask)).toBe(text.slice(0, spans[1].from));
  });
});

test('a template that writes a turn otherwise in the whole is an error that names the turn', () => {
  const ask = chat('{% for m in messages %}{{ m.role }}:{{ m.content }}/{{ messages | length }};{% endfor %}', {});
  expect(() => assistantSpans([user('a'), assistant('b'), user('c')], ask)).toThrow(
    /assistant turn 2 .* what stands before it is not what the model is asked with/,
  );
});

test('a template that refuses the conversation speaks for itself', () => {
  const ask = chat("{{ raise_exception('roles must alternate') }}", {});
  expect(() => assistantSpans([user('a'), assistant('b')], ask)).toThrow('got "roles must alternate"');
});

test('a token that reaches into a turn is learned with it: the text is tokenized whole', () => {
  // pairs of equal letters are one token
  const encode = (text: string) => [...text.matchAll(/aa|./gs)].map(([token]) => (token === 'aa' ? 1 : token.charCodeAt(0)));
  expect(encodeSpans('xaab', [{ from: 2, to: 4 }], encode)).toEqual({ ids: [120, 1, 98], labels: [-100, 1, 98] });
  expect(encodeSpans('xaab', [{ from: 1, to: 3 }], encode)).toEqual({ ids: [120, 1, 98], labels: [-100, 1, -100] });
  expect(encodeSpans('xaab', [{ from: 1, to: 2 }], encode)).toEqual({ ids: [120, 1, 98], labels: [-100, 1, -100] });
});

test('white space before a word that is tokenized otherwise at the end of a text is told from what follows', () => {
  // white space is one token, but its last character is a token of its own before a word
  const encode = (text: string) =>
    [...text.matchAll(/\s+(?!\S)|\s|\S/gs)].map(([token]) => (token.length > 1 ? 1000 + token.length : token.charCodeAt(0)));
  expect(encode('x\n\n')).toEqual([120, 1002]);
  expect(encodeSpans('x\n\nab', [{ from: 3, to: 5 }], encode)).toEqual({
    ids: [120, 10, 10, 97, 98],
    labels: [-100, -100, -100, 97, 98],
  });
});
