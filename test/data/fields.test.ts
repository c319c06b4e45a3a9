// What a row says beside its text: it reaches the template as it stands, or is named.
import { describe, expect, test } from 'vitest';
import { type LoadOptions, loadData, loadPrompts } from '../../src/data/load.ts';
import { bytes, byteTokenizer } from './bytes-tokenizer.ts';
import { textSource } from './shared.ts';

const TEMPLATE = [
  '{% if tools %}TOOLS {{ tools | tojson }};{% endif %}',
  '{% for m in messages %}<{{ m.role }}>{% if m.name %}{{ m.name }}:{% endif %}{% if m.content %}{{ m.content }}{% endif %}',
  '{% for c in m.tool_calls or [] %}CALL {{ c.function | tojson }}{% endfor %}{% if m.tool_call_id %}={{ m.tool_call_id }}{% endif %}|{% endfor %}',
  '{% if add_generation_prompt %}<assistant>{% endif %}',
].join('');
const PLAIN =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}|{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}';

const options = (template: string): LoadOptions => ({
  tokenizer: byteTokenizer(),
  vocab_size: 288,
  learn: 'response',
  template,
  max_length: 4096,
  skip_bad_rows: false,
});
const source = (record: string) => textSource('rows.jsonl', record);
const textOf = (ids: ArrayLike<number>) => String.fromCharCode(...Array.from(ids).filter((id) => id < 256));

/** The text of a row, its learned parts, and what was said of it. The record is JSON text, so that its digits and order count. */
async function made(record: string, template = TEMPLATE) {
  const { rows, shown } = await loadData([source(record)], options(template));
  const [{ ids, labels }] = rows;
  const learned = textOf(labels.filter((label) => label >= 0));
  return { text: textOf(ids), learned, unused: shown.match(/not used: (.*)$/)?.[1] ?? '' };
}
const asked = async (record: string, template = TEMPLATE) =>
  textOf((await loadPrompts([source(record)], options(template))).prompts[0].ids);

const CHAT = '"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]';

describe('tools', () => {
  test('of the row reach the template in their own order, numbers as they are written', async () => {
    const tools = '[{"z": 1.0, "10": 12345678901234567890, "2": [true, null], "a": "<&>"}]';
    const { text, learned, unused } = await made(`{${CHAT}, "tools": ${tools}}`);
    expect(text).toBe(`TOOLS ${tools};<user>q|<assistant>a|`);
    expect([learned, unused]).toEqual(['a|', '']);
    expect(await asked(`{${CHAT}, "tools": ${tools}}`)).toBe(`TOOLS ${tools};<user>q|<assistant>`);
  });
  test('may be a text of JSON, as ShareGPT has them', async () => {
    const row = '{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "tools": "[{\\"n\\": 1}]"}';
    expect((await made(row)).text).toBe('TOOLS [{"n": 1}];<user>q|<assistant>a|');
    await expect(made(row.replace('[{\\"n\\": 1}]', 'f(x)'))).rejects.toThrow(
      'expected tools to be a list of JSON schemas, got a text',
    );
  });
  test('that the template does not write are named; an empty list says nothing', async () => {
    expect((await made(`{${CHAT}, "tools": [{"n": 1}]}`, PLAIN)).unused).toBe('tools (1)');
    expect((await made(`{${CHAT}, "tools": []}`)).text).toBe('<user>q|<assistant>a|');
  });
});

describe('a prompt and a completion of messages', () => {
  const list = (...said: [string, string][]) => JSON.stringify(said.map(([role, content]) => ({ role, content })));
  const row = (prompt: string, completion: string) => `{"prompt": ${prompt}, "completion": ${completion}}`;
  const prompt = list(['system', 's'], ['user', 'q'], ['assistant', 'a'], ['user', 'r']);
  const begun = '<system>s|<user>q|<assistant>a|<user>r|';

  test('are one conversation, of which the completion is learned', async () => {
    const { text, learned, unused } = await made(row(prompt, list(['assistant', 'b'])), PLAIN);
    expect([text, learned, unused]).toEqual([`${begun}<assistant>b|`, 'b|', '']);
    const tools = await made(row(prompt, list(['assistant', 'b'], ['tool', '2'], ['assistant', 'c'])), PLAIN);
    expect([tools.text, tools.learned]).toEqual([`${begun}<assistant>b|<tool>2|<assistant>c|`, 'b|c|']);
  });
  test('the prompt is what is asked with', async () => {
    expect(await asked(row(prompt, list(['assistant', 'b'])), PLAIN)).toBe(`${begun}<assistant>`);
    expect(await asked(`{"prompt": ${prompt}}`, PLAIN)).toBe(`${begun}<assistant>`);
  });
  test.each([
    [row(prompt, '"b"'), 'expected completion to be a list of messages, as its prompt is, got a text'],
    [row(prompt, '[]'), 'as its prompt is, got an empty one'],
    [
      row(list(['user', 'q'], ['assistant', 'a']), list(['assistant', 'b'])),
      'ends with the assistant; move that into completion',
    ],
    [row('[{"role": "user"}]', list(['assistant', 'b'])), 'expected message 1 to have a role and a text'],
  ])('%s is refused', async (record, fault) => {
    await expect(made(record, PLAIN)).rejects.toThrow(fault);
  });
});

describe('messages', () => {
  const call =
    '{"role": "assistant", "content": null, "tool_calls": [{"id": "i1", "function": {"name": "f", "arguments": {"x": 2.0}}}]}';
  const answer = '{"role": "tool", "name": "f", "tool_call_id": "i1", "content": "4"}';
  const row = `{"messages": [{"role": "user", "content": "q"}, ${call}, ${answer}, {"role": "assistant", "content": "four"}]}`;
  test('of tool calls alone are learned as the template writes them, and their results are not', async () => {
    const { text, learned } = await made(row);
    expect(text).toBe('<user>q|<assistant>CALL {"name": "f", "arguments": {"x": 2.0}}|<tool>f:4=i1|<assistant>four|');
    expect(learned).toBe('CALL {"name": "f", "arguments": {"x": 2.0}}|four|');
  });
  test('without text are refused by a template that does not write their calls', async () => {
    await expect(made(row, PLAIN)).rejects.toThrow('expected a chat template that writes tool_calls for message 2');
  });
  test('have fields that the template does not read named once', async () => {
    const rows = `${row.replace('null', '"c"')}\n${row.replace('null', '"c"')}`;
    expect((await made(rows, PLAIN)).unused).toBe(
      'tool_calls of messages (2), name of messages (2), tool_call_id of messages (2)',
    );
  });
  test('of weight 0 are not learned; another weight is refused', async () => {
    const weighed = (w: string) =>
      `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "weight": ${w}}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`;
    expect((await made(weighed('0'))).learned).toBe('b|');
    expect((await made(weighed('1'))).learned).toBe('a|b|');
    await expect(made(weighed('0.5'))).rejects.toThrow('weight of message 2 to be 0 (not learned) or 1, got 0.5');
  });
  test.each(['train', 'training'])('of which %s is false are not learned', async (name) => {
    const switched = (on: boolean) =>
      `{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "${name}": ${on}}, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"}]}`;
    expect(await made(switched(false))).toMatchObject({ learned: 'b|', unused: '' });
    expect(await made(switched(true))).toMatchObject({ learned: 'a|b|', unused: '' });
  });
  test('in parts are read as text, or as parts where the template walks over them', async () => {
    const parts = CHAT.replace('"q"', '[{"type": "text", "text": "q1 "}, {"type": "text", "text": "q2"}]');
    expect((await made(`{${parts}}`)).text).toBe('<user>q1 q2|<assistant>a|');
    const walks =
      '{% for m in messages %}<{{ m.role }}>{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endif %}|{% endfor %}';
    expect((await made(`{${parts}}`, walks)).text).toBe('<user>[q1 ][q2]|<assistant>a|');
  });
  test('whose text the template leaves out are named, an answer refused', async () => {
    const system = CHAT.replace('[', '[{"role": "system", "content": "be brief"}, ');
    const without = "{% for m in messages if m.role != 'system' %}<{{ m.role }}>{{ m.content }}|{% endfor %}";
    expect((await made(`{${system}}`, without)).unused).toBe('content of system messages (1)');
    await expect(made(`{${CHAT}}`, '{% for m in messages %}<{{ m.role }}>|{% endfor %}')).rejects.toThrow(
      'its content is not written there',
    );
  });
  test('written whole keep the order of their fields', async () => {
    const whole = '{% for m in messages %}{{ m | tojson }}|{% endfor %}';
    const row = '{"messages": [{"content": "q", "role": "user"}, {"role": "assistant", "x": 1.0, "content": "a"}]}';
    expect((await made(row, whole)).text).toBe(
      '{"content": "q", "role": "user"}|{"role": "assistant", "x": 1.0, "content": "a"}|',
    );
  });
});

describe('beside the conversation', () => {
  test("ShareGPT's system text comes first", async () => {
    const row =
      '{"system": "S", "conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "f()"}, {"from": "observation", "value": "o"}, {"from": "gpt", "value": "a"}]}';
    const { text, learned, unused } = await made(row);
    expect([text, learned, unused]).toEqual(['<system>S|<user>q|<assistant>f()|<tool>o|<assistant>a|', 'f()|a|', '']);
  });
  test("Alpaca's system and history are asked with in a chat template, and named without one", async () => {
    const row = '{"instruction": "I", "input": "X", "output": "O", "system": "S", "history": [["q", "a"]]}';
    const chatting = { ...options('chat'), tokenizer: { ...byteTokenizer(), chatTemplate: PLAIN } };
    const { prompts, shown } = await loadPrompts([source(row)], chatting);
    expect(textOf(prompts[0].ids)).toBe('<system>S|<user>q|<assistant>a|<user>I\nX|<assistant>');
    expect(shown).not.toContain('not used');
    expect((await made(row, 'auto')).unused).toBe('system (1), history (1)');
  });
  test('a context is asked with before its question', async () => {
    const row = '{"context": "C", "question": "Q", "answer": "A", "id": 7}';
    const { text, unused } = await made(row, 'auto');
    expect([text, unused]).toEqual(['C\nQA', 'id (1)']);
  });
  test('a whole float as an answer is written as Python does', async () => {
    const { rows } = await loadData([source('{"question": "q", "answer": 3.0}')], options('auto'));
    expect(Array.from(rows[0].ids).slice(0, 4)).toEqual(bytes('q3.0'));
  });
});
