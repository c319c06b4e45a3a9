/**
 * A model's tokenizer: text to token ids and back, as Rust's tokenizers does it: added tokens first, then the normalizer, the
 * pre-tokenizer, the model and what is put around a text, each in a file of tokenizer/. A setting that is not known there is
 * refused by name. Truncation and padding of a tokenizer.json are another matter: rows are cut by `maxLength`.
 * What the ids of a row mean (prompt, response, end) is rows.ts; chat templates are template.ts.
 */
import { type AddedToken, addedTokens, NAMED } from '../io/added-tokens.ts';
import { finders } from './tokenizer/added.ts';
import { bpe, type Vocabulary } from './tokenizer/bpe.ts';
import { cleanedUp, decoderOf } from './tokenizer/decode.ts';
import { type Normalize, normalizerOf } from './tokenizer/normalize.ts';
import { pretokenizerOf } from './tokenizer/pretokenize.ts';
import { unigram, wordLevel, wordPiece } from './tokenizer/unigram.ts';

/** Text to token ids and back. */
export interface Tokenizer {
  /**
   * Token ids of a text; special: with what the tokenizer itself puts around a text (often bos); continued: the text goes on
   * from one before it, so that no space is put in front.
   */
  encode(text: string, how: { special: boolean; continued?: boolean }): number[];
  /** Text of token ids; ids without a token give nothing. */
  decode(ids: ArrayLike<number>, how: { skip_special: boolean }): string;
  /** Ids of the beginning and the end of a text; null where the tokenizer names none. */
  bos: number | null;
  eos: number | null;
  /** The named special tokens as text, as chat templates use them: bos_token, eos_token, ... */
  named: Record<string, string>;
  /** Jinja text of the model's chat template, where it has one. */
  chatTemplate?: string;
  /** Another for conversations with tools, where the model names one. */
  toolTemplate?: string;
  /** One more than the largest token id. */
  vocab_size: number;
}

/** What a model folder says of its tokenizer; eos is config.json's id, used where the tokenizer names none. */
export interface TokenizerSource {
  json: any;
  config?: any;
  eos?: number | null;
}

/** Tokenizer of a parsed tokenizer.json and tokenizer_config.json; throws where the former is not one. */
export function loadTokenizer({ json, config = {}, eos = null }: TokenizerSource): Tokenizer {
  const { vocabulary, added, encode, around, decode, textOf } = opened(json, config);
  const named: Record<string, string> = {};
  for (const name of NAMED) {
    const text = tokenText(config[name]);
    if (text !== undefined) named[name] = text;
  }
  const ids = new Map([...vocabulary.ids, ...added.map(({ content, id }) => [content, id] as const)]);
  const ends = { bos: ids.get(named.bos_token) ?? null, eos: ids.get(named.eos_token) ?? eos };
  if (ends.eos !== null && named.eos_token === undefined) named.eos_token = textOf(ends.eos) ?? '';
  return {
    encode: (text, { special, continued = false }) => (special ? around(encode(text, continued)) : encode(text, continued)),
    decode,
    ...ends,
    named,
    chatTemplate: templateText(config.chat_template, 'default') ?? templateText(config.chat_template),
    toolTemplate: templateText(config.chat_template, 'tool_use'),
    vocab_size: [...ids.values()].reduce((most, id) => Math.max(most, id + 1), 0),
  };
}

function opened(json: any, config: any) {
  if (json === null || typeof json !== 'object' || json.model?.vocab === undefined)
    throw new Error(
      'expected tokenizer.json to hold a model with a vocabulary, got none; take the file from the original model folder',
    );
  try {
    for (const stage of ['normalizer', 'pre_tokenizer', 'post_processor', 'decoder']) mustBeFew(json[stage], stage);
    const vocabulary = modelOf(json.model);
    const added = addedTokens(json, config, vocabulary.ids);
    for (const [token, id] of [...vocabulary.ids, ...added.map((one) => [one.content, one.id] as const)])
      if (!(Number.isSafeInteger(id) && id >= 0 && id < 2 ** 31))
        throw new Error(`expected whole numbers below 2^31 as ids, got ${JSON.stringify(id)} for ${JSON.stringify(token)}`);
    const encode = encoder(json, config, vocabulary, added);
    const around = postProcessor(json.post_processor, (token) => idOf(token, vocabulary, added), idsOf(vocabulary, added));
    return { vocabulary, added, encode, around, ...decoder(json, config, vocabulary, added) };
  } catch (error) {
    throw new Error(
      `expected a tokenizer.json that is run here, got one that is not (${(error as Error).message}); ` +
        'save the tokenizer again with a current transformers (save_pretrained)',
    );
  }
}

/** Characters of a text: of a longer one all tokens would be made, over minutes, and all but a few thousand cut off. */
const LONGEST = 2 ** 24;

/** Stages that one setting may have, one in the other or one after the other. */
const STAGES = 200;

/** Throws where a setting has more stages than any real one: each is gone through for every piece of a text. */
function mustBeFew(json: unknown, what: string): void {
  const left = [json];
  let stages = 0;
  while (left.length) {
    const one = left.pop();
    if (typeof one !== 'object' || one === null) continue;
    if (typeof (one as { type?: unknown }).type === 'string' && ++stages > STAGES)
      throw new Error(`expected at most ${STAGES} stages in the ${what}, got more`);
    for (const inner of Object.values(one)) left.push(inner);
  }
}

const idOf = (token: string, { ids }: Vocabulary, added: AddedToken[]) =>
  added.find(({ content }) => content === token)?.id ?? ids.get(token);

/** Older files leave the model's type out: a list of scores is Unigram's, merges are BPE's. */
function modelOf(model: any): Vocabulary {
  const type =
    model.type ??
    (Array.isArray(model.vocab) ? 'Unigram' : model.merges || !model.continuing_subword_prefix ? 'BPE' : 'WordPiece');
  const make = new Map(Object.entries({ BPE: bpe, Unigram: unigram, WordPiece: wordPiece, WordLevel: wordLevel })).get(type);
  if (!make) throw new Error(`expected a model of the kinds BPE, Unigram, WordPiece or WordLevel, got ${JSON.stringify(type)}`);
  return make(model);
}

function encoder(json: any, config: any, { encode }: Vocabulary, added: AddedToken[]) {
  const normalize: Normalize = normalizerOf(json.normalizer);
  const pretokenize = pretokenizerOf(json.pre_tokenizer);
  // such a tokenizer reads its special tokens as text
  const sought = config.split_special_tokens ? added.filter(({ special }) => !special) : added;
  const { raw, normalized } = finders(sought, normalize);
  const between = (text: string, first: boolean, continued: boolean) =>
    pretokenize({ text, first: first && !continued, continued: continued && first }).flatMap((piece) => encode(piece.text));
  return (text: string, continued: boolean): number[] => {
    if (text === '') return [];
    if (text.length > LONGEST)
      throw new Error(`expected a text of at most ${LONGEST} characters, got one of ${text.length}; cut it into several rows`);
    if (!text.isWellFormed())
      throw new Error('expected a text of whole Unicode characters, got half of a surrogate pair; mend the text');
    return raw(text).flatMap((part) => {
      if (part.id !== undefined) return [part.id];
      const first = part.from === 0;
      const parts = normalized(normalize(part.text, continued && first)).filter((p) => p.id !== undefined || p.text !== '');
      return parts.flatMap((p) => (p.id !== undefined ? [p.id] : between(p.text, first && p.from === 0, continued)));
    });
  };
}

function idsOf(vocabulary: Vocabulary, added: AddedToken[]): (id: unknown) => boolean {
  const all = new Set<unknown>([...vocabulary.ids.values(), ...added.map(({ id }) => id)]);
  return (id) => all.has(id);
}

function decoder(json: any, config: any, vocabulary: Vocabulary, added: AddedToken[]) {
  const texts = new Map([...vocabulary.ids].map(([token, id]) => [id, token]));
  const normalize = normalizerOf(json.normalizer);
  for (const { id, content, normalized } of added) texts.set(id, normalized ? normalize(content) : content);
  const special = new Set(added.filter((token) => token.special).map(({ id }) => id));
  const decode = decoderOf(json.decoder);
  return {
    textOf: (id: number) => texts.get(id),
    decode(ids: ArrayLike<number>, { skip_special }: { skip_special: boolean }): string {
      const shown = Array.from(ids).filter((id) => texts.has(id) && !(skip_special && special.has(id)));
      const text = decode(shown.map((id) => texts.get(id)!)).join('');
      return config.clean_up_tokenization_spaces ? cleanedUp(text) : text;
    },
  };
}

/**
 * What a post-processor puts around the ids of a text. tokenizer.json alone says that: as in transformers, add_bos_token and
 * add_eos_token of tokenizer_config.json are for folders without one.
 */
function postProcessor(
  json: any,
  idOf: (token: string) => number | undefined,
  isId: (id: unknown) => boolean,
): (ids: number[]) => number[] {
  if (json === null || json === undefined || json.type === 'ByteLevel') return (ids) => ids;
  if (json.type === 'Sequence') {
    const parts: ((ids: number[]) => number[])[] = json.processors.map((part: any) => postProcessor(part, idOf, isId));
    return (ids) => parts.reduce((all, part) => part(all), ids);
  }
  if (json.type === 'BertProcessing' || json.type === 'RobertaProcessing') {
    const [before, after]: unknown[] = [json.cls?.[1], json.sep?.[1]];
    if (!isId(before) || !isId(after))
      throw new Error(`expected what is put around a text among its tokens, got ${JSON.stringify([before, after])}`);
    return (ids) => [before as number, ...ids, after as number];
  }
  if (json.type !== 'TemplateProcessing')
    throw new Error(`expected a post-processor that is known here, got ${JSON.stringify(json.type)}`);
  if (json.single?.filter?.((part: any) => part?.Sequence).length !== 1)
    throw new Error(
      'expected a post-processor that puts something around the text, once, got one that repeats it or leaves it out',
    );
  const parts: (number[] | null)[] = json.single.map((part: any) => {
    if (part.Sequence) return null;
    const token: string = part.SpecialToken.id;
    const id = idOf(token);
    const known = json.special_tokens?.[token]?.ids ?? (id === undefined ? undefined : [id]);
    if (!known) throw new Error(`expected ${JSON.stringify(token)}, which is put around a text, among the tokens, got none`);
    if (!Array.isArray(known) || !known.every(isId))
      throw new Error(`expected what is put around a text among its tokens, got ${JSON.stringify(known).slice(0, 80)}`);
    return known;
  });
  return (ids) => parts.flatMap((part) => part ?? ids);
}

function tokenText(token: any): string | undefined {
  if (typeof token === 'string') return token;
  return typeof token?.content === 'string' ? token.content : undefined;
}

/** chat_template is a text, or a list of named ones: that of a name, or the first. */
function templateText(value: any, name?: string): string | undefined {
  if (!Array.isArray(value)) return name === undefined && typeof value === 'string' ? value : undefined;
  const found = (name === undefined ? value[0] : value.find((entry) => entry?.name === name))?.template;
  return typeof found === 'string' ? found : undefined;
}
