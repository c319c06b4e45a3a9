/**
 * A model's tokenizer: text to token ids and back, as the Rust original does it, on @huggingface/tokenizers.
 * What the ids of a row mean (prompt, response, end) is rows.ts; chat templates are template.ts.
 *
 * The library walks a text as one queue of merges, which is slow for a long one. Words of a text can be encoded apart,
 * and remembered, where that gives the same ids: no token of the vocabulary may reach across a gap between words, and a
 * probe must agree. A tokenizer that fails either is used whole.
 */
import { Tokenizer as Library } from '@huggingface/tokenizers';

/** Text to token ids and back. */
export interface Tokenizer {
  /** Token ids of a text; special: with what the tokenizer itself puts around a text (often bos). */
  encode(text: string, how: { special: boolean }): number[];
  /** Text of token ids; ids without a token give nothing. */
  decode(ids: ArrayLike<number>, how: { skip_special: boolean }): string;
  /** Ids of the beginning and the end of a text; null where the tokenizer names none. */
  bos: number | null;
  eos: number | null;
  /** The named special tokens as text, as chat templates use them: bos_token, eos_token, ... */
  named: Record<string, string>;
  /** Jinja text of the model's chat template, where it has one. */
  chatTemplate?: string;
  /** One more than the largest token id. */
  vocab_size: number;
}

/** What a model folder says of its tokenizer; bos and eos are config.json's ids, used where the tokenizer names none. */
export interface TokenizerSource {
  json: any;
  config?: any;
  bos?: number | null;
  eos?: number | null;
}

const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** Tokenizer of a parsed tokenizer.json and tokenizer_config.json; throws where the former is not one. */
export function loadTokenizer({ json, config = {}, bos, eos }: TokenizerSource): Tokenizer {
  const library = open(withOwnEnds(json, config), config);
  const named: Record<string, string> = {};
  for (const name of NAMED) {
    const text = tokenText(config[name]);
    if (text !== undefined) named[name] = text;
  }
  const known = library.get_vocab() as Map<string, number>;
  const idOf = (name: string, fallback?: number | null) => known.get(named[name]) ?? fallback ?? null;
  const ids = { bos: idOf('bos_token', bos), eos: idOf('eos_token', eos) };
  for (const [name, id] of [['bos_token', ids.bos] as const, ['eos_token', ids.eos] as const])
    if (id !== null && named[name] === undefined) named[name] = library.id_to_token(id) ?? '';

  const plain = wordwise(library, json, known);
  const around = ends(library, plain);
  return {
    encode: (text, { special }) => (special ? around(text) : plain(text)),
    decode(tokens, { skip_special }) {
      const there = Array.from(tokens).filter((id) => library.id_to_token(id) !== undefined);
      return there.length === 0 ? '' : library.decode(there, { skip_special_tokens: skip_special });
    },
    ...ids,
    named,
    chatTemplate: templateText(config.chat_template),
    vocab_size: [...known.values()].reduce((most, id) => Math.max(most, id + 1), 0),
  };
}

function open(json: any, config: any): Library {
  if (json === null || typeof json !== 'object' || json.model?.vocab === undefined)
    throw new Error(
      'expected tokenizer.json to hold a model with a vocabulary, got none; take the file from the original model folder',
    );
  // transformers' own default is not to clean up; the library's is
  const settings = { ...config, clean_up_tokenization_spaces: config.clean_up_tokenization_spaces ?? false };
  const filled = { decoder: null, post_processor: null, pre_tokenizer: null, normalizer: null, added_tokens: [], ...json };
  try {
    return new Library(filled, settings);
  } catch (error) {
    throw new Error(
      `expected a tokenizer.json of the kinds BPE, Unigram or WordPiece, got one that cannot be read (${(error as Error).message}); ` +
        'save the tokenizer again with a current transformers (save_pretrained)',
    );
  }
}

/** transformers gives Llama tokenizers their bos and eos by add_bos_token and add_eos_token, whatever tokenizer.json says. */
function withOwnEnds(json: any, config: any): any {
  const llama = /^(Llama|CodeLlama)Tokenizer(Fast)?$/.test(config.tokenizer_class ?? '');
  if (!llama || (config.add_bos_token === undefined && config.add_eos_token === undefined)) return json;
  const mark = (name: string) => {
    const text = tokenText(config[name]);
    return text === undefined ? [] : [{ SpecialToken: { id: text, type_id: 0 } }];
  };
  const single = [
    ...((config.add_bos_token ?? true) ? mark('bos_token') : []),
    { Sequence: { id: 'A', type_id: 0 } },
    ...((config.add_eos_token ?? false) ? mark('eos_token') : []),
  ];
  return { ...json, post_processor: { type: 'TemplateProcessing', single, pair: single, special_tokens: {} } };
}

function tokenText(token: any): string | undefined {
  if (typeof token === 'string') return token;
  return typeof token?.content === 'string' ? token.content : undefined;
}

/** chat_template is a text, or a list of named ones. */
function templateText(value: any): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  return (value.find((entry) => entry?.name === 'default') ?? value[0])?.template;
}

/** The ids that the tokenizer puts around every text, found once: they do not depend on the text. */
function ends(library: Library, plain: (text: string) => number[]): (text: string) => number[] {
  const probe = 'a';
  const whole = library.encode(probe, { add_special_tokens: true }).ids;
  const inner = library.encode(probe, { add_special_tokens: false }).ids;
  for (let before = 0; before + inner.length <= whole.length; before++) {
    if (!same(whole.slice(before, before + inner.length), inner)) continue;
    const head = whole.slice(0, before);
    const tail = whole.slice(before + inner.length);
    return (text) => [...head, ...plain(text), ...tail];
  }
  return (text) => library.encode(text, { add_special_tokens: true }).ids;
}

// --- words apart ----------------------------------------------------------------------------------------------------

const ENDS_WORD = /[\p{L}\p{N}.,;:!?)]/u;
const STARTS_WORD = /[\p{L}\p{N}]/u;
const ACROSS = /[^\s▁ĠĊĉč][▁Ġ ]/;
const PROBE = 'Once upon a time 12 cats (or 3) ate 45 fish; then, slept: naïve! Ünder? Стол 生活. 生 x y 7 8 of';
const REMEMBERED = 50_000;

/** Encoder without special tokens that encodes words apart where that is safe, and remembers them. */
function wordwise(library: Library, json: any, known: Map<string, number>): (text: string) => number[] {
  const whole = (text: string) => (text === '' ? [] : (library.encode(text, { add_special_tokens: false }).ids as number[]));
  const gap = spaceOfPieces(whole, json, known);
  if (gap === null) return whole;
  const memory = new Map<string, number[]>();
  return (text) => {
    const ids: number[] = [];
    const words = wordsOf(text);
    for (let i = 0; i < words.length; i++) {
      const word = i === 0 ? words[i] : gap + words[i];
      // The first piece may be treated unlike the others, so it is kept apart from a later twin.
      const key = i === 0 ? `^${word}` : word;
      let part = memory.get(key);
      if (part === undefined) {
        part = whole(word);
        if (memory.size >= REMEMBERED) memory.clear();
        if (word.length < 64) memory.set(key, part);
      }
      for (const id of part) ids.push(id);
    }
    return ids;
  };
}

/** What stands before a later word when it is encoded apart: its space, nothing (the tokenizer adds one), or null: never apart. */
function spaceOfPieces(whole: (text: string) => number[], json: any, known: Map<string, number>): ' ' | '' | null {
  // An added token that ends like a word might be asked to swallow the space after it.
  if ((json.added_tokens ?? []).some(({ content }: any) => wordsOf(content).length > 1 || ENDS_WORD.test(content.at(-1) ?? '')))
    return null;
  for (const token of known.keys()) if (ACROSS.test(token)) return null;
  const expected = whole(PROBE);
  const words = wordsOf(PROBE);
  for (const gap of [' ', ''] as const)
    if (
      same(
        words.flatMap((word, i) => whole(i === 0 ? word : gap + word)),
        expected,
      )
    )
      return gap;
  return null;
}

/** The text cut at every single space with a letter, digit or stop before it and a letter or digit after; the space is dropped. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let from = 0;
  for (let space = text.indexOf(' '); space !== -1; space = text.indexOf(' ', space + 1)) {
    if (space === 0 || !ENDS_WORD.test(text[space - 1]) || !STARTS_WORD.test(text[space + 1] ?? '')) continue;
    words.push(text.slice(from, space));
    from = space + 1;
  }
  words.push(text.slice(from));
  return words;
}

const same = (a: number[], b: number[]) => a.length === b.length && a.every((id, i) => id === b[i]);
