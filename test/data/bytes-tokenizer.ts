// A tokenizer small enough to see through: every byte is a token with its own value, <s> is 256, </s> 257.
import { loadTokenizer, type Tokenizer } from '../../src/data/tokenizer.ts';

/** The byte tokenizer, with what is given laid over its tokenizer_config.json and its tokenizer.json. */
export function byteTokenizer(config: Record<string, unknown> = {}, more: Record<string, unknown> = {}): Tokenizer {
  const own = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let other = 256;
  const vocab: Record<string, number> = {};
  for (let byte = 0; byte < 256; byte++) vocab[String.fromCharCode(own(byte) ? byte : other++)] = byte;
  const special = (id: number, content: string) => ({
    id,
    content,
    special: true,
    normalized: false,
    lstrip: false,
    rstrip: false,
  });
  const json = {
    model: { type: 'BPE', vocab, merges: [] },
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
    decoder: { type: 'ByteLevel' },
    normalizer: null,
    post_processor: null,
    added_tokens: [special(256, '<s>'), special(257, '</s>')],
    ...more,
  };
  return loadTokenizer({ json, config: { bos_token: '<s>', eos_token: '</s>', ...config } });
}

/** The post-processor that puts these tokens around a text, $A. */
export const around = (...parts: string[]) => ({
  type: 'TemplateProcessing',
  single: parts.map((id) => (id === '$A' ? { Sequence: { id: 'A', type_id: 0 } } : { SpecialToken: { id, type_id: 0 } })),
  special_tokens: {},
});

export const bytes = (text: string) => [...new TextEncoder().encode(text)];
