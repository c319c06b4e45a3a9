// A GGUF's tokenizer data as a tokenizer.json and a tokenizer_config.json: what data/tokenizer.ts runs and what an
// exported folder carries. Both of llama.cpp's kinds for these families become BPE: `gpt2` has its merges, `llama`
// (SentencePiece) has scores, from which the same merges follow.
import type { Gguf, GgufValue } from './gguf.ts';
import { preTokenizer } from './gguf-pretokenizers.ts';

type Json = Record<string, any>;

/** The tokenizer.json and tokenizer_config.json that say what the metadata says. Unknown kinds and broken lists are errors. */
export function tokenizerFromGguf(gguf: Gguf): { json: Json; config: Json } {
  try {
    const data = readData(gguf.metadata);
    const parts = data.kind === 'gpt2' ? byteLevel(data) : sentencePiece(data);
    return { json: tokenizerJson(data, parts), config: tokenizerConfig(data, parts.addBos) };
  } catch (e) {
    throw new Error(`${gguf.source.name}: ${(e as Error).message}`);
  }
}

/** Pairs that SentencePiece would join, best first: every token that is two tokens side by side, by its score. */
export function mergesFromScores(tokens: string[], scores: number[], types: number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const usable = (piece: string) => types[ids.get(piece) ?? -1] === NORMAL;
  const merges: { left: string; right: string; score: number; id: number }[] = [];
  tokens.forEach((token, id) => {
    if (types[id] !== NORMAL) return;
    const chars = [...token];
    for (let cut = 1; cut < chars.length; cut++) {
      const [left, right] = [chars.slice(0, cut).join(''), chars.slice(cut).join('')];
      if (usable(left) && usable(right)) merges.push({ left, right, score: scores[id], id });
    }
  });
  // Within one token the order of its halves' ids, as Hugging Face's converter has it.
  const half = (a: string, b: string) => ids.get(a)! - ids.get(b)!;
  merges.sort((a, b) => b.score - a.score || a.id - b.id || half(a.left, b.left) || half(a.right, b.right));
  return merges.map(({ left, right }) => [left, right]);
}

// llama.cpp's token types.
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const BYTE = 6;

interface TokenizerData {
  kind: 'gpt2' | 'llama';
  metadata: Map<string, GgufValue>;
  tokens: string[];
  types: number[];
}

interface Parts {
  addBos: boolean;
  normalizer: Json | null;
  pre_tokenizer: Json | null;
  decoder: Json;
  model: Json;
}

function readData(metadata: Map<string, GgufValue>): TokenizerData {
  const kind = metadata.get('tokenizer.ggml.model');
  if (kind !== 'gpt2' && kind !== 'llama')
    throw new Error(
      `expected tokenizer.ggml.model to be gpt2 or llama, got ${String(kind ?? 'nothing')}; use the model's Hugging Face folder`,
    );
  const tokens = list(metadata, 'tokens', 'string') as string[];
  const types = metadata.has(`${PREFIX}token_type`)
    ? (list(metadata, 'token_type', 'number') as number[])
    : tokens.map(() => NORMAL);
  if (types.length !== tokens.length)
    throw new Error(`expected ${tokens.length} of tokenizer.ggml.token_type, got ${types.length}`);
  const seen = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (seen.has(token))
      throw new Error(`expected each token once, got ${JSON.stringify(token)} as ${seen.get(token)} and ${id}`);
    seen.set(token, id);
  });
  return { kind, metadata, tokens, types };
}

function byteLevel(data: TokenizerData): Parts {
  const pre = preTokenizer(String(data.metadata.get(`${PREFIX}pre`) ?? 'default'));
  const splits = pre.patterns.map((Regex) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }));
  const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  const ids = new Set(data.tokens);
  const merges = (list(data.metadata, 'merges', 'string') as string[]).map((line): [string, string] => {
    // A token never begins with a space byte (it is written Ġ), but old files hold a token that is one.
    const cut = line.indexOf(' ', 1);
    const pair: [string, string] = [line.slice(0, cut), line.slice(cut + 1)];
    if (cut < 0 || !ids.has(pair.join('')))
      throw new Error(`expected merges of two tokens into one, got ${JSON.stringify(line)}`);
    return pair;
  });
  return {
    addBos: pre.addBos,
    normalizer: pre.nfc ? { type: 'NFC' } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...splits, bytes] },
    decoder: { ...bytes, use_regex: true },
    model: { ...BPE, ignore_merges: pre.ignoreMerges, vocab: vocabulary(data.tokens), merges },
  };
}

function sentencePiece(data: TokenizerData): Parts {
  const scores = list(data.metadata, 'scores', 'number') as number[];
  if (scores.length !== data.tokens.length)
    throw new Error(`expected ${data.tokens.length} of tokenizer.ggml.scores, got ${scores.length}`);
  const prefix = data.metadata.get(`${PREFIX}add_space_prefix`) ?? true;
  const space = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const unspace = { type: 'Replace', pattern: { String: '▁' }, content: ' ' };
  const strip = prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  const unknown = data.types.indexOf(UNKNOWN);
  return {
    addBos: true,
    normalizer: { type: 'Sequence', normalizers: prefix ? [{ type: 'Prepend', prepend: '▁' }, space] : [space] },
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders: [unspace, { type: 'ByteFallback' }, { type: 'Fuse' }, ...strip] },
    model: {
      ...BPE,
      unk_token: data.tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: data.types.includes(BYTE),
      ignore_merges: false,
      vocab: vocabulary(data.tokens),
      merges: mergesFromScores(data.tokens, scores, data.types),
    },
  };
}

const BPE = {
  type: 'BPE',
  dropout: null,
  unk_token: null as string | null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
};

function tokenizerJson(data: TokenizerData, parts: Parts): Json {
  const { addBos, model, ...steps } = parts;
  const added_tokens = data.tokens.flatMap((content, id) => {
    const type = data.types[id];
    if (type !== CONTROL && type !== USER_DEFINED && type !== UNKNOWN) return [];
    return [{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: type !== USER_DEFINED }];
  });
  const post_processor = template(addsToken(data, 'bos', addBos), addsToken(data, 'eos', false));
  return { version: '1.0', truncation: null, padding: null, added_tokens, ...steps, post_processor, model };
}

function tokenizerConfig(data: TokenizerData, addBos: boolean): Json {
  const names = { bos: 'bos', eos: 'eos', unk: 'unknown', pad: 'padding' };
  const special = Object.entries(names).flatMap(([short, kind]) => {
    const token = specialToken(data, kind);
    return token ? [[`${short}_token`, token.content]] : [];
  });
  const [own, tools] = ['', '.tool_use'].map((name) => data.metadata.get(`tokenizer.chat_template${name}`));
  const named = [
    { name: 'default', template: String(own) },
    { name: 'tool_use', template: String(tools) },
  ];
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(special),
    add_bos_token: addsToken(data, 'bos', addBos) !== undefined,
    add_eos_token: addsToken(data, 'eos', false) !== undefined,
    ...(own === undefined ? {} : { chat_template: tools === undefined ? String(own) : named }),
  };
}

interface Special {
  id: number;
  content: string;
}

function template(bos: Special | undefined, eos: Special | undefined): Json | null {
  const ends = [bos, eos].filter((token) => token !== undefined);
  if (ends.length === 0) return null;
  const around = (id: string, type_id: number) => [
    ...(bos ? [{ SpecialToken: { id: bos.content, type_id } }] : []),
    { Sequence: { id, type_id } },
    ...(eos ? [{ SpecialToken: { id: eos.content, type_id } }] : []),
  ];
  const special_tokens = Object.fromEntries(
    ends.map(({ id, content }) => [content, { id: content, ids: [id], tokens: [content] }]),
  );
  return { type: 'TemplateProcessing', single: around('A', 0), pair: [...around('A', 0), ...around('B', 1)], special_tokens };
}

// The bos or eos token where the file (or, silent, the pre-tokenizer's habit) says that it is put around text.
function addsToken(data: TokenizerData, kind: 'bos' | 'eos', habit: boolean): Special | undefined {
  return (data.metadata.get(`${PREFIX}add_${kind}_token`) ?? habit) ? specialToken(data, kind) : undefined;
}

function specialToken(data: TokenizerData, kind: string): Special | undefined {
  const id = data.metadata.get(`${PREFIX}${kind}_token_id`);
  // Older converters write 2^32 - 1 for none.
  if (id === undefined || id === 0xffffffff) return undefined;
  const content = data.tokens[Number(id)];
  if (content === undefined) throw new Error(`expected ${PREFIX}${kind}_token_id below ${data.tokens.length}, got ${String(id)}`);
  return { id: Number(id), content };
}

const PREFIX = 'tokenizer.ggml.';

function list(metadata: Map<string, GgufValue>, field: string, type: 'string' | 'number'): GgufValue[] {
  const value = metadata.get(PREFIX + field);
  if (!Array.isArray(value) || (value.length && typeof value[0] !== type))
    throw new Error(`expected a list of ${type}s as ${PREFIX}${field}, got ${value === undefined ? 'nothing' : typeof value}`);
  return value;
}

// Without a prototype: __proto__ is a token like any other.
function vocabulary(tokens: string[]): Record<string, number> {
  const vocab: Record<string, number> = Object.create(null);
  tokens.forEach((token, id) => {
    vocab[token] = id;
  });
  return vocab;
}
