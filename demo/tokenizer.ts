// The built-in model's tokenizer: every word of the corpus is one token, any other text falls back to its bytes,
// so nothing is ever unknown and decoding gives the text back exactly. It is a byte-level BPE in Llama 3's arrangement
// (same split pattern, `ignore_merges`) with an empty merge table; there is nothing to train.

const special = ['<bos>', '<eos>'];
const verbatim = { single_word: false, lstrip: false, rstrip: false, normalized: false };
const pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** The content of tokenizer_config.json. */
export const tokenizerConfig = {
  tokenizer_class: 'PreTrainedTokenizerFast',
  bos_token: '<bos>',
  eos_token: '<eos>',
  add_bos_token: true,
  add_eos_token: false,
  clean_up_tokenization_spaces: false,
  model_max_length: 256,
};

/** The content of tokenizer.json: specials, then the 256 bytes, then the corpus' words in alphabetical order. */
export function tokenizerJson(texts: string[]) {
  const bytes = byteCharacters();
  const vocabulary = [...new Set([...special, ...bytes, ...words(texts, bytes)])];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({ id, content, ...verbatim, special: true })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<bos>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [
        { SpecialToken: { id: '<bos>', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { Sequence: { id: 'B', type_id: 1 } },
      ],
      special_tokens: { '<bos>': { id: '<bos>', ids: [0], tokens: ['<bos>'] } },
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: true,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      merges: [],
    },
  };
}

// Each word with the space before it, spelled as byte-level BPE spells bytes (a space is "Ġ").
function words(texts: string[], bytes: string[]): string[] {
  const split = new RegExp(pattern.replace('(?i:', '(?:'), 'gu');
  const found = new Set(texts.flatMap((text) => text.match(split) ?? []));
  const encoder = new TextEncoder();
  return [...found].map((word) => Array.from(encoder.encode(word), (byte) => bytes[byte]).join('')).sort();
}

// GPT-2's table: printable bytes stand for themselves, the others for characters from U+0100 on.
function byteCharacters(): string[] {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(printable ? byte : next++);
  });
}
