// A tokenizer.json as a GGUF's tokenizer data, the way back of gguf-tokenizer.ts: tokens by id with their types, merges or scores, the
// name of the pre-tokenizer, ids that begin and end a text, the chat template. Of a GGUF its own data is kept as it was.
import type { ModelConfig } from '../models/config.ts';
import { setting } from '../setting.ts';
import { addedTokens } from './added-tokens.ts';
import type { Gguf, GgufValue } from './gguf.ts';
import { nameOfPreTokenizer } from './gguf-pretokenizers.ts';
import type { GgufField } from './gguf-write.ts';
import type { TokenizerFiles } from './model.ts';

export interface GgufTokenizer {
  fields: GgufField[];
  /** What a person should know of it. */
  notes: string[];
  /** Whether every text becomes the ids that the model's own tokenizer makes of it. */
  exact: boolean;
}

/** The tokenizer's keys. Kinds that llama.cpp has no form of for these families are an error. */
export function ggufTokenizer(tokenizer: TokenizerFiles, config: ModelConfig): GgufTokenizer {
  const { json } = tokenizer;
  if (json.model?.type === 'BPE' || json.model?.merges) {
    const parts = hasStep(json, 'ByteLevel') ? byteLevel(json) : sentencePiece(json);
    const { tokens, types } = tokensOf(tokenizer, config.vocab_size, parts.kind);
    return {
      fields: [
        ['tokenizer.ggml.model', 'string', parts.kind],
        ['tokenizer.ggml.pre', 'string', parts.pre],
        ['tokenizer.ggml.tokens', 'strings', tokens],
        ...(parts.kind === 'llama' ? [['tokenizer.ggml.scores', 'f32s', scoresOf(tokens, types, json)] as GgufField] : []),
        ['tokenizer.ggml.token_type', 'i32s', types],
        ...(parts.kind === 'gpt2'
          ? [['tokenizer.ggml.merges', 'strings', mergesOf(json).map((m) => m.join(' '))] as GgufField]
          : []),
        ...specialIds(tokenizer, config, tokens),
        ...aroundText(json),
        ...(parts.kind === 'llama' ? [['tokenizer.ggml.add_space_prefix', 'bool', parts.prefix] as GgufField] : []),
        ...templates(tokenizer.config.chat_template),
      ],
      notes: parts.notes,
      exact: parts.notes.length === 0,
    };
  }
  throw new Error(
    `expected a tokenizer of byte pairs (BPE) for a GGUF, got ${JSON.stringify(json.model?.type)}; export ${setting('format')} hf instead`,
  );
}

/** A GGUF's own tokenizer keys. */
export function sameTokenizer({ metadata }: Gguf): GgufTokenizer {
  const own = [...metadata].filter(([key]) => key.startsWith('tokenizer.'));
  return { fields: own.map(([key, value]) => fieldOf(key, value)), notes: [], exact: true };
}

// The file's types are not kept by the reader; those of these keys follow from their values, but for scores.
function fieldOf(key: string, value: GgufValue): GgufField {
  if (Array.isArray(value)) {
    if (value.every((one) => typeof one === 'string')) return [key, 'strings', value as string[]];
    return [key, key.endsWith('.scores') ? 'f32s' : 'i32s', value as number[]];
  }
  if (typeof value === 'boolean') return [key, 'bool', value];
  if (typeof value === 'string') return [key, 'string', value];
  return [key, Number.isInteger(value) ? 'u32' : 'f32', Number(value)];
}

interface Parts {
  kind: 'gpt2' | 'llama';
  pre: string;
  prefix: boolean;
  notes: string[];
}

function byteLevel(json: Record<string, any>): Parts {
  // where nothing is merged and no piece is taken whole, nothing hangs on how text was cut
  const { merges, ignore_merges } = json.model;
  const pre = merges.length === 0 && !ignore_merges ? 'gpt-2' : nameOfPreTokenizer(json);
  return { kind: 'gpt2', pre: pre ?? 'default', prefix: false, notes: pre ? [] : [otherwise('cuts text before merging')] };
}

function sentencePiece(json: Record<string, any>): Parts {
  const steps = JSON.stringify([json.normalizer, json.pre_tokenizer]);
  const prefix = /"type":"Prepend"|"prepend_scheme":"(first|always)"|"add_prefix_space":true/.test(steps);
  const known = hasStep(json, 'Metaspace') || (hasStep(json, 'Replace') && steps.includes('▁'));
  return { kind: 'llama', pre: 'default', prefix, notes: known ? [] : [otherwise('writes spaces')] };
}

const otherwise = (how: string) =>
  `llama.cpp has no name for how this tokenizer ${how}: some texts become other tokens there than those that the model learned`;

/** Whether a step of this type is among those before the merges. */
const hasStep = ({ normalizer, pre_tokenizer }: Record<string, any>, type: string) =>
  JSON.stringify([normalizer, pre_tokenizer]).includes(`"type":"${type}"`);

// llama.cpp's token types.
const [NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE] = [1, 2, 3, 4, 5, 6];

/** A token for every row of the embedding; rows without one are [PADn], and one past the embedding is left out. */
function tokensOf({ json, config }: TokenizerFiles, size: number, kind: Parts['kind']): { tokens: string[]; types: number[] } {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`);
  const types = tokens.map(() => UNUSED);
  const set = (content: string, id: number, type: number) => {
    if (id < size) [tokens[id], types[id]] = [content, type];
  };
  const vocab = Object.entries(json.model.vocab as Record<string, number>);
  for (const [token, id] of vocab) set(token, id, kind === 'llama' && /^<0x[0-9A-F]{2}>$/.test(token) ? BYTE : NORMAL);
  for (const { content, id, special } of addedTokens(json, config, new Map(vocab)))
    set(content, id, special ? CONTROL : USER_DEFINED);
  const unknown = kind === 'llama' ? json.model.vocab[json.model.unk_token] : undefined;
  if (unknown !== undefined) types[unknown] = UNKNOWN;
  return { tokens, types };
}

function mergesOf(json: Record<string, any>): [string, string][] {
  return json.model.merges.map((merge: string | [string, string]) => {
    if (typeof merge !== 'string') return merge;
    const cut = merge.indexOf(' ', 1);
    return [merge.slice(0, cut), merge.slice(cut + 1)];
  });
}

// SentencePiece joins the pair whose token scores highest: minus the rank of the first merge that makes it says the same.
function scoresOf(tokens: string[], types: number[], json: Record<string, any>): number[] {
  const rank = new Map<string, number>();
  for (const [i, merge] of mergesOf(json).entries()) if (!rank.has(merge.join(''))) rank.set(merge.join(''), i);
  return tokens.map((token, id) => (types[id] === NORMAL ? -(rank.get(token) ?? rank.size + id) : 0));
}

function specialIds({ json, config: named }: TokenizerFiles, config: ModelConfig, tokens: string[]): GgufField[] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const text = (token: any) => (typeof token === 'string' ? token : token?.content);
  const own = (kind: string) => ids.get(text(named[`${kind}_token`]));
  const [eos = own('eos'), ...more] = [...new Set([own('eos'), ...config.eos_token_ids])].filter((id) => id !== undefined);
  const found: [string, number | undefined | null][] = [
    ['bos', own('bos') ?? config.bos_token_id],
    ['eos', eos],
    ['eot', more[0]],
    ['eom', more[1]],
    ['unknown', own('unk') ?? ids.get(json.model.unk_token)],
    ['padding', own('pad') ?? config.raw.pad_token_id],
  ];
  return found
    .filter(([, id]) => typeof id === 'number' && id >= 0 && id < tokens.length)
    .map(([kind, id]) => [`tokenizer.ggml.${kind}_token_id`, 'u32', id as number]);
}

/** Whether the tokenizer itself puts bos and eos around a text. */
function aroundText(json: Record<string, any>): GgufField[] {
  const steps = json.post_processor?.type === 'Sequence' ? json.post_processor.processors : [json.post_processor];
  const single: any[] = steps.find((step: any) => step?.type === 'TemplateProcessing')?.single ?? [];
  const sequence = single.findIndex((part) => part.Sequence);
  return [
    ['tokenizer.ggml.add_bos_token', 'bool', sequence > 0],
    ['tokenizer.ggml.add_eos_token', 'bool', sequence >= 0 && sequence < single.length - 1],
  ];
}

function templates(value: any): GgufField[] {
  if (typeof value === 'string') return [['tokenizer.chat_template', 'string', value]];
  if (!Array.isArray(value)) return [];
  const [first] = [value.find(({ name }) => name === 'default') ?? value[0]].filter(Boolean);
  const named = value.filter((one) => one !== first);
  return [
    ...(first ? [['tokenizer.chat_template', 'string', first.template] as GgufField] : []),
    ...(named.length ? [['tokenizer.chat_templates', 'strings', named.map(({ name }) => name)] as GgufField] : []),
    ...named.map(({ name, template }): GgufField => [`tokenizer.chat_template.${name}`, 'string', template]),
  ];
}
