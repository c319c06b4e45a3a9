import { describe, expect, test } from 'vitest';
import { detect } from '../../src/data/columns.ts';
import { promptOf, type RowOptions, toRow } from '../../src/data/rows.ts';
import { alpaca } from '../../src/data/template.ts';
import { around, bytes, byteTokenizer } from './bytes-tokenizer.ts';

const EOS = 257;
const BOS = 256;
const bosTokenizer = byteTokenizer({}, { post_processor: around('<s>', '$A') });
const CHATML =
  '{% for m in messages %}<|{{ m.role }}|>{{ m.content }}</s>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}';

const options = (more: Partial<RowOptions> = {}): RowOptions => ({
  tokenizer: bosTokenizer,
  vocab_size: 288,
  learn: 'response',
  template: 'auto',
  ...more,
});

function rowOf(record: any, more?: Partial<RowOptions>) {
  const { ids, labels, promptLength } = toRow(detect(record).fields, record, options(more));
  return { ids: [...ids], labels: [...labels], promptLength };
}

const promptIds = (record: any, more?: Partial<RowOptions>) => [...promptOf(detect(record).fields, record, options(more))];
const hidden = (n: number) => new Array(n).fill(-100);

describe('rows of ids', () => {
  test('are used as they are, labels unshifted; the first token is no target', () => {
    expect(rowOf({ input_ids: [5, 6, 7, 8], labels: [5, -100, 7, 8] })).toEqual({
      ids: [5, 6, 7, 8],
      labels: [-100, -100, 7, 8],
      promptLength: 2,
    });
  });
  test('without labels learn all, whatever --learn says', () => {
    expect(rowOf({ input_ids: [5, 6, 7] }).labels).toEqual([-100, 6, 7]);
  });
  test('labels decide alone', () => {
    expect(rowOf({ input_ids: [5, 6, 7], labels: [-100, -100, 9] }, { learn: 'all' }).labels).toEqual([-100, -100, 9]);
  });
  test('may come as typed arrays and big integers, as Parquet gives them', () => {
    expect(rowOf({ input_ids: [5n, 6n], labels: new Int32Array([-100, 6]) }).labels).toEqual([-100, 6]);
  });
  test.each([
    [{ input_ids: [] }, 'at least one token'],
    [{ input_ids: [1, 288] }, 'from 0 to 287, got 288 at place 1'],
    [{ input_ids: [1, -1] }, 'got -1'],
    [{ input_ids: [1, 2.5] }, 'whole numbers, got the number 2.5'],
    [{ input_ids: [1, '2'] }, 'whole numbers, got a text'],
    [{ input_ids: 'abc' }, 'a list of token ids, got a text'],
    [{ input_ids: [1, 2], labels: [1] }, 'as many labels as input_ids (2), got 1'],
    [{ input_ids: [1, 2], labels: [1, 300] }, 'labels of -100 or from 0 to 287, got 300'],
    [{ input_ids: [1, 2], labels: [1, -99] }, 'got -99'],
  ])('%o is refused', (record, reason) => {
    expect(() => rowOf(record)).toThrow(reason);
  });
  test.each([
    [{ completion_mask: [0, 0, 1, 1] }, [5, 6, 7, 8], [-100, -100, 7, 8]],
    [{ completion_mask: [0, 1, 1, 1], assistant_masks: [1, 1, 0, 1] }, [5, 6, 7, 8], [-100, 6, -100, 8]],
    [{ loss_mask: [false, true, false, true] }, [5, 6, 7, 8], [-100, 6, -100, 8]],
    [{ labels: [5, 6, 7, 8], completion_mask: [0, 0, 1, 1] }, [5, 6, 7, 8], [-100, 6, 7, 8]],
    [{ attention_mask: [0, 1, 1, 0] }, [6, 7], [-100, 7]],
    [{ attention_mask: [1, 1, 1, 0], labels: [-100, 6, 7, -100] }, [5, 6, 7], [-100, 6, 7]],
    [{ attention_mask: [1, 1, 1, 1], position_ids: [3, 4, 5, 6], seq_lengths: [4] }, [5, 6, 7, 8], [-100, 6, 7, 8]],
  ])('masks as other tools write them: %o', (more, ids, labels) => {
    expect(rowOf({ input_ids: [5, 6, 7, 8], ...more })).toMatchObject({ ids, labels });
  });
  test('a prompt ends where a mask says that learning begins', () => {
    expect(promptIds({ input_ids: [5, 6, 7, 8], completion_mask: [0, 0, 1, 1] })).toEqual([5, 6]);
  });
  test.each([
    [{ attention_mask: [1, 0, 1, 1] }, 'a 0 within it'],
    [{ attention_mask: [0, 0, 0, 0] }, 'at least one token'],
    [{ completion_mask: [0, 1] }, 'completion_mask to be a 0 or a 1 for each of 4 input_ids, got 2'],
    [{ loss_mask: [0, 1, 2, 1] }, 'loss_mask to be a 0 or a 1'],
    [{ position_ids: [0, 1, 0, 1] }, 'one text, got several by position_ids ([0,1,0,1])'],
    [{ seq_lengths: [2, 2] }, 'one text, got several by seq_lengths ([2,2])'],
  ])('%o is refused', (more, reason) => {
    expect(() => rowOf({ input_ids: [5, 6, 7, 8], ...more })).toThrow(reason);
  });
  test('the last id of the vocabulary is sound', () => {
    expect(rowOf({ input_ids: [1, 287] }).ids).toEqual([1, 287]);
  });
});

describe('prompt and completion', () => {
  test('are tokenized apart, with bos before and eos after; the response is learned', () => {
    expect(rowOf({ prompt: 'ab', completion: 'cd' })).toEqual({
      ids: [BOS, ...bytes('abcd'), EOS],
      labels: [...hidden(3), ...bytes('cd'), EOS],
      promptLength: 3,
    });
  });
  test('--learn all learns the prompt too, but for the first token', () => {
    expect(rowOf({ prompt: 'ab', completion: 'cd' }, { learn: 'all' }).labels).toEqual([-100, ...bytes('abcd'), EOS]);
  });
  test.each([
    [{ prompt: 'a', completion: '' }, 'completion to be a text, got an empty text'],
    [{ prompt: 'a', completion: 5 }, 'completion to be a text, got the number 5'],
    [{ prompt: null, completion: 'a' }, 'prompt to be a text, got null'],
    [{ prompt: ['a'], completion: 'a' }, 'prompt to be a text, got a list'],
    [{ prompt: 'a', other: 'b' }, '`columns` prompt=prompt,completion=other'],
    [{ text: '' }, 'text to be a text, got an empty text'],
  ])('%o is refused', (record, reason) => {
    expect(() => rowOf(record)).toThrow(reason);
  });
  test('an empty prompt leaves bos alone before the response', () => {
    expect(rowOf({ prompt: '', completion: 'a' }).labels).toEqual([-100, 97, EOS]);
  });
  test('a class may be a number', () => {
    expect(rowOf({ text: 'a', label: 1 }).ids).toEqual([BOS, 97, 49, EOS]);
  });
  test('a tokenizer without eos is an error, not a row without end', () => {
    const tokenizer = { ...bosTokenizer, eos: null };
    expect(() => rowOf({ text: 'a' }, { tokenizer })).toThrow('eos_token');
  });
});

describe('Alpaca', () => {
  test('with an input', () => {
    const row = rowOf({ instruction: 'I', input: 'X', output: 'O' });
    const prompt =
      'Below is an instruction that describes a task, paired with an input that provides further context. ' +
      'Write a response that appropriately completes the request.\n\n### Instruction:\nI\n\n### Input:\nX\n\n### Response:';
    expect(row.ids).toEqual([BOS, ...bytes(`${prompt}O`), EOS]);
    expect(row.promptLength).toBe(1 + prompt.length);
  });
  test('an empty or absent input is none', () => {
    expect(alpaca('I')).toBe(
      'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nI\n\n### Response:',
    );
    expect(rowOf({ instruction: 'I', input: '', output: 'O' })).toEqual(rowOf({ instruction: 'I', output: 'O' }));
  });
  test("--template plain gives the instruction and its input alone; chat the model's own template", () => {
    const record = { instruction: 'I', input: 'X', output: 'O' };
    expect(rowOf(record, { template: 'plain' }).ids).toEqual([BOS, ...bytes('I\nXO'), EOS]);
    const tokenizer = { ...bosTokenizer, chatTemplate: CHATML };
    const [head, tail] = [bytes('<|user|>I\nX'), bytes('\n<|assistant|>')];
    expect(rowOf(record, { template: 'chat', tokenizer }).ids).toEqual([...head, EOS, ...tail, 79, EOS, 10]);
  });
});

describe('conversations', () => {
  const chatting = { tokenizer: { ...bosTokenizer, chatTemplate: CHATML } };
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'assistant', content: 'b' },
    { role: 'user', content: 'c' },
    { role: 'assistant', content: 'd' },
  ];
  const turn = (role: string, content: string) => [...bytes(`<|${role}|>${content}`), EOS, 10];
  const ids = [...turn('user', 'a'), ...turn('assistant', 'b'), ...turn('user', 'c'), ...turn('assistant', 'd')];

  test('assistant turns with their end mark are learned, nothing else', () => {
    const row = rowOf({ messages }, chatting);
    expect(row.ids).toEqual(ids);
    const learned = (content: string) => [...hidden(13), ...bytes(content), EOS, -100];
    expect(row.labels).toEqual([...hidden(11), ...learned('b'), ...hidden(11), ...learned('d')]);
  });
  test('ShareGPT says the same in other words', () => {
    const conversations = messages.map(({ role, content }) => ({ from: role === 'user' ? 'human' : 'gpt', value: content }));
    expect(rowOf({ conversations }, chatting)).toEqual(rowOf({ messages }, chatting));
  });
  test('a template that is given is used for a question and its answer too', () => {
    const asked = [...turn('user', 'a'), ...bytes('<|assistant|>')];
    const row = rowOf({ prompt: 'a', completion: 'b' }, { template: CHATML });
    expect(row.ids).toEqual([...asked, 98, EOS, 10]);
    expect(row.labels).toEqual([...hidden(asked.length), 98, EOS, -100]);
    expect(promptIds({ prompt: 'a' }, { template: CHATML })).toEqual(asked);
  });
  test('--learn all learns the whole text', () => {
    expect(rowOf({ messages }, { ...chatting, learn: 'all' }).labels).toEqual([-100, ...ids.slice(1)]);
  });
  test('as a prompt: what comes before the last answer, and the generation prompt', () => {
    const expected = [...turn('user', 'a'), ...turn('assistant', 'b'), ...turn('user', 'c'), ...bytes('<|assistant|>')];
    expect(promptIds({ messages }, chatting)).toEqual(expected);
    expect(promptIds({ messages: messages.slice(0, 3) }, chatting)).toEqual(expected);
  });
  test.each([
    [{ messages: [] }, 'list of messages, got an empty one'],
    [{ messages: 'hi' }, 'list of messages, got a text'],
    [{ messages: [{ role: 'user' }] }, 'message 1 to have a role and a text, got role a text and nothing'],
    [{ messages: [{ role: 'user', content: 'a' }] }, 'assistant turn to learn, got none'],
    [{ conversations: [{ from: 'human', value: 3 }] }, '{"from": "human", "value": "..."}'],
  ])('%o is refused', (record, reason) => {
    expect(() => rowOf(record, chatting)).toThrow(reason);
  });
  test('a model without a chat template says how to give one', () => {
    expect(() => rowOf({ messages })).toThrow('`template` FILE');
  });
});

describe('text, and prompts to go on from', () => {
  test('text: special tokens, the text, eos; all learned', () => {
    expect(rowOf({ text: 'ab' })).toEqual({ ids: [BOS, 97, 98, EOS], labels: [-100, 97, 98, EOS], promptLength: 1 });
  });
  test.each([
    [{ input_ids: [1, 2, 3, 4], labels: [1, -100, 3, 4] }, [1, 2]],
    [{ input_ids: [1, 2, 3] }, [1, 2, 3]],
    [{ input_ids: [1, 2, 3], labels: [-100, -100, -100] }, [1, 2, 3]],
    [{ prompt: 'ab', completion: 'c' }, [BOS, 97, 98]],
    [{ prompt: 'ab' }, [BOS, 97, 98]],
    [{ text: 'ab' }, [BOS, 97, 98]],
  ])('%o asks with %o', (record, ids) => {
    expect(promptIds(record)).toEqual(ids);
  });
  test('a tokenizer that ends texts with eos does not end what is to go on', () => {
    const tokenizer = byteTokenizer({}, { post_processor: around('<s>', '$A', '</s>') });
    expect(promptIds({ text: 'ab' }, { tokenizer })).toEqual([BOS, 97, 98]);
    expect(rowOf({ text: 'ab' }, { tokenizer }).ids).toEqual([BOS, 97, 98, EOS]);
  });
});
