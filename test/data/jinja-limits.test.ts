// A chat template comes with a model, from anybody: whatever it says, it ends soon, and within bounds.
import { expect, test } from 'vitest';
import { render } from '../../src/data/template.ts';

const loops = (n: number, body = '') => `${'{% for i in range(100000) %}'.repeat(n)}${body}${'{% endfor %}'.repeat(n)}`;
const times = (n: number, body: string) =>
  `{% set ns = namespace(s="ab", l=[1], n=3) %}{% for i in range(${n}) %}${body}{% endfor %}`;

test.each([
  ['loops in loops', loops(4), 'steps'],
  ['loops in loops that write', loops(3, 'x'), 'to write at most 1048576 characters'],
  ['a loop that skips all', '{% for i in range(100000) if false %}{% endfor %}'.repeat(40), 'steps'],
  ['one loop too long', '{% for i in range(10**9) %}{% endfor %}', 'Range too big'],
  ['a text that doubles', times(60, '{% set ns.s = ns.s ~ ns.s %}'), 'characters'],
  ['a text that doubles by +', times(60, '{% set ns.s = ns.s + ns.s %}'), 'characters'],
  ['a text times a number', '{{ "x" * 10**12 }}', 'characters'],
  ['a text replaced by itself', times(60, '{% set ns.s = ns.s.replace("a", ns.s) %}'), 'characters'],
  ['a text joined by itself', times(60, '{% set ns.s = ns.s|list|join(ns.s) %}'), /characters|values/],
  ['a text padded', '{{ "x".ljust(10**12) }}', 'characters'],
  ['a text with zeros', '{{ "1".zfill(10**12) }}', 'characters'],
  ['lines indented', '{{ "a\n\n"|indent(10**12) }}', 'characters'],
  ['JSON indented', '{{ {"a": 1}|tojson(indent=10**12) }}', 'values'],
  ['a block set to itself', times(60, '{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}'), /steps|characters|not|expected/],
  ['a list that doubles', times(60, '{% set ns.l = ns.l + ns.l %}'), 'values'],
  ['a list times a number', '{{ [1] * 10**9 }}', 'values'],
  ['brackets in brackets', `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`, 'got "the template is nested too deeply"'],
  ['a sum of a hundred thousand', `{{ 1${' + 1'.repeat(100_000)} }}`, 'got "the template is nested too deeply"'],
  ['a template cut short', '{% if 1 %}', 'got "the template ends in the middle of a statement'],
  ['a number that squares itself', times(60, '{% set ns.n = ns.n * ns.n %}'), 'bits'],
  ['a power', '{{ 10 ** 100000 }}', 'bits'],
  ['a long list without doubles', '{{ range(100000)|unique|list|length }}', 'values'],
  [
    'a search in a long list, again and again',
    `{% set l = range(100000)|list %}${loops(1, '{% if -1 in l %}{% endif %}')}`,
    'steps',
  ],
  ['a macro within itself', '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}', /nested too deeply|steps/],
  [
    'two macros within each other',
    '{% macro a() %}{{ b() }}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}',
    /./,
  ],
])('%s', { timeout: 60_000 }, (_, template, message) => {
  expect(() => render(template, {})).toThrow(message);
});

test('a template that writes a conversation over and over is refused with what it may write, and one that writes it thrice is not', () => {
  const messages = [{ role: 'user', content: 'word '.repeat(100_000) }];
  const over = (times: number) => `{% for i in range(${times}) %}{{ messages[0].content }}{% endfor %}`;
  expect(render(over(3), { messages }).text).toHaveLength(1_500_000);
  expect(() => render(over(60), { messages })).toThrow(
    `to write at most ${2 ** 20 + 8 * 500_004} characters of this conversation, got more; it repeats itself: give another template`,
  );
});

test('a conversation of 20,000 messages takes its template well within the bounds', () => {
  const messages = Array.from({ length: 20_000 }, (_, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content: 'word '.repeat(20),
  }));
  const template =
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('order') }}{% endif %}{{ '<|' + m['role'] + '|>\n' + m['content'] | trim + eos }}{% endfor %}";
  expect(render(template, { messages, eos: '</s>' }).text.length).toBeGreaterThan(2_000_000);
});
