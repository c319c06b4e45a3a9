// The verb rows: what each row becomes, and that training reads what it writes as the same rows.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { blocktune, newFolder, writeModel, writeRows } from './tiny.ts';

const { at, free } = newFolder();
afterAll(free);
const model = writeModel(at('model'));
const data = writeRows(at('a.jsonl'), [
  { prompt: 'One day', completion: ' a cat ran.', id: 1 },
  { prompt: 'One day a very long prompt', completion: ' ends here.', id: 2 },
]);

describe('rows', () => {
  test('tells ids, labels, text, learned and cut tokens, one line a row', async () => {
    const { code, lines } = await blocktune(['rows', '--model', model, '--data', data, '--max-length', '12', '--json']);
    expect(code).toBe(0);
    expect(lines.map(({ kind, index }) => [kind, index])).toEqual([
      ['row', 0],
      ['row', 1],
    ]);
    for (const line of lines) {
      expect(Object.keys(line).sort()).toEqual(['cut', 'ids', 'index', 'kind', 'labels', 'learned', 'text']);
      expect(line.labels).toHaveLength(line.ids.length);
      expect(line.labels.filter((label: number) => label !== -100)).toHaveLength(line.learned);
      expect(line.labels.every((label: number, i: number) => label === -100 || label === line.ids[i])).toBe(true);
    }
    const whole = await blocktune(['rows', '--model', model, '--data', data, '--json']);
    expect(lines.map(({ ids, cut }) => ids.length + cut)).toEqual(whole.lines.map(({ ids }) => ids.length));
    expect(whole.lines[0].text).toContain('One day a cat ran.');
  });

  test('--out writes what eval and rows read as the same rows', async () => {
    const out = at('ids.jsonl');
    const written = await blocktune(['rows', '--model', model, '--data', data, '--out', out, '--json']);
    expect(written.code).toBe(0);
    const read = await blocktune(['rows', '--model', model, '--data', out, '--json']);
    expect(read.lines.map(({ ids, labels }) => ({ input_ids: ids, labels }))).toEqual(
      readFileSync(out, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
    expect(read.lines).toEqual(written.lines);
    const again = await blocktune(['rows', '--model', model, '--data', data, '--out', out]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('--force')]);
  });

  test('for people: the learned text is marked, and fields that are not used are said once', async () => {
    const { code, stdout, stderr } = await blocktune(['rows', '--model', model, '--data', data]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/row 0 {2}\d+ tokens, \d+ learned\n.*One day«.* a cat ran\./);
    expect(stderr.match(/not used: id \(2\)/g)).toHaveLength(1);
  });

  test('strftime_now is a day that can be set', async () => {
    const chats = writeRows(at('chat.jsonl'), [
      {
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      },
    ]);
    const template = at('t.jinja');
    writeFileSync(
      template,
      "{{ strftime_now('%d %B %Y') }}{% for m in messages %} {{ m.role }}: {{ m.content }}{% endfor %}{% if add_generation_prompt %} assistant: {% endif %}",
    );
    const words = ['rows', '--model', model, '--data', chats, '--template', template, '--json'];
    const texts = await Promise.all([blocktune(words), blocktune([...words, '--date', '2031-02-03'])]);
    expect(texts.map(({ lines }) => lines[0].text.match(/\d\d \w+ \d{4}/)?.[0])).toEqual(['26 July 2024', '03 February 2031']);
    const bad = await blocktune([...words, '--date', '2031-02-30']);
    expect([bad.code, bad.stderr]).toEqual([2, expect.stringContaining('expected --date to be a day such as 2024-07-26')]);
  });
});
