// The texts that wheel.py wrote, with the tokenizer of this repository: a line of JSON a tokenizer with what differs.
//     compare.ts FOLDER [MODEL.gguf]
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { normalizerOf } from '../../../src/data/tokenizer/normalize.ts';
import { pretokenizerOf } from '../../../src/data/tokenizer/pretokenize.ts';
import { loadTokenizer, type Tokenizer } from '../../../src/data/tokenizer.ts';
import { memorySource } from '../../../src/io/bytes.ts';
import { tokenizerFromGguf } from '../../../src/io/gguf-tokenizer.ts';
import { openModelFiles } from '../../../src/io/model.ts';

type Case = [text: string, ids: number[], whole: number[], decoded: string, shown: string];

const [folder, gguf] = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name !== 'classes.json')
  .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
for (const { name, json, config, cases } of files) {
  const tokenizer = loadTokenizer({ json, config });
  tell(name, cases, (c) => against(tokenizer, c));
}
for (const [name, pre] of Object.entries({
  'llama3: split': 'llama-bpe',
  'qwen2: NFC': 'qwen2',
  smollm: 'smollm',
  gpt2: 'gpt-2',
})) {
  const file = files.find((f) => f.name.startsWith(name));
  if (!file) continue;
  const twin = loadTokenizer(tokenizerFromGguf(metadata(file.json, pre)));
  tell(`${file.name} as GGUF (${pre})`, file.cases, (c) => plainIds(twin, c));
}
classes(JSON.parse(readFileSync(join(folder, 'classes.json'), 'utf8')));
const hf = gguf && files.find((f) => f.name === 'stories260K-hf');
if (hf) {
  const model = await openModelFiles(gguf);
  const twin = loadTokenizer(model.tokenizer);
  tell(`${hf.name} against its GGUF`, hf.cases, (c) => plainIds(twin, c));
  await model.close();
}

/** What a text becomes with special tokens and without, and what its ids become again. */
function against(t: Tokenizer, [text, ids, whole, decoded, shown]: Case): string | undefined {
  return (
    differ('ids', t.encode(text, { special: false }), ids) ??
    differ('ids with ends', t.encode(text, { special: true }), whole) ??
    differ('text', t.decode(whole, { skip_special: false }), decoded) ??
    differ('text shown', t.decode(whole, { skip_special: true }), shown)
  );
}

function plainIds(t: Tokenizer, [text, ids]: Case): string | undefined {
  return differ('ids', t.encode(text, { special: false }), ids);
}

function differ(what: string, got: unknown, want: unknown): string | undefined {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  return a === b ? undefined : `${what} ${a}, wanted ${b}`;
}

function tell(name: string, cases: Case[], check: (c: Case) => string | undefined): void {
  const off = cases.flatMap((c) => {
    const difference = check(c);
    return difference === undefined ? [] : [`${JSON.stringify(c[0])}: ${difference}`];
  });
  console.log(JSON.stringify({ name, texts: cases.length, characters: cases.reduce((n, [text]) => n + text.length, 0), off }));
}

/** Every character of Unicode through each step that goes by classes. */
function classes({ characters, cuts, becomes }: { characters: number; cuts: Record<string, number[]>; becomes: any }): void {
  const every = Array.from({ length: 0x110000 }, (_, code) => code).filter((code) => code < 0xd800 || code > 0xdfff);
  for (const [step, at] of Object.entries(cuts)) {
    const [type, Regex] = step.split(' ');
    const behavior = type === 'Split' ? 'Isolated' : undefined; // the others have their own
    const cut = pretokenizerOf({ type, pattern: { Regex }, behavior, individual_digits: true, add_prefix_space: false });
    const there = new Set(at);
    const text = (code: number) => `a${String.fromCodePoint(code)}a`;
    const off = every.filter((c) => there.has(c) !== cut({ text: text(c), first: true }).length > 1);
    tellOff(`every character: ${step}`, characters, off);
  }
  for (const [type, made] of Object.entries<Record<string, string>>(becomes)) {
    const normalize = normalizerOf({ type, strip_left: true, strip_right: true });
    const off = every.filter((code) => {
      const c = String.fromCodePoint(code);
      return normalize(c) !== (made[c] ?? c);
    });
    tellOff(`every character: ${type}`, characters, off);
  }
}

function tellOff(name: string, characters: number, off: number[]): void {
  console.log(JSON.stringify({ name, texts: characters, characters, off: off.map((code) => `U+${code.toString(16)}`) }));
}

/** The lists that a GGUF holds of a byte-level tokenizer.json. */
function metadata(json: any, pre: string): any {
  const ids = new Map<string, number>(Object.entries(json.model.vocab));
  for (const { content, id } of json.added_tokens) ids.set(content, id);
  const tokens = [...ids].sort((a, b) => a[1] - b[1]).map(([token]) => token);
  const added = new Set(json.added_tokens.map((t: any) => t.content));
  const merges = json.model.merges.map((m: string | string[]) => (Array.isArray(m) ? m.join(' ') : m));
  const types = tokens.map((token) => (added.has(token) ? 3 : 1));
  const lists = { model: 'gpt2', pre, tokens, token_type: types, merges };
  const entries = Object.entries(lists).map(([key, value]) => [`tokenizer.ggml.${key}`, value] as const);
  return { metadata: new Map<string, any>(entries), source: memorySource(new Uint8Array(), `${pre}.gguf`) };
}
