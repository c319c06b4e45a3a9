// Which tokens are added to a tokenizer's vocabulary: texts that are one token wherever they stand. They come from tokenizer.json, from
// added_tokens_decoder and the named special tokens of tokenizer_config.json, and in older folders from two files more, as
// transformers adds them. How they are found in a text is data/tokenizer/added.ts.

export interface AddedToken {
  id: number;
  content: string;
  special: boolean;
  /** Looked for in the normalized text. */
  normalized: boolean;
  /** Only where no letter or digit is beside it. */
  single_word: boolean;
  /** White space before or after it belongs to it. */
  lstrip: boolean;
  rstrip: boolean;
}

export const NAMED = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** Characters of an added token. */
const MAX_CONTENT = 10_000;

/** The added tokens of both files, in the order in which transformers adds them; later settings of a token win. */
export function addedTokens(json: any, config: any, vocabulary: Map<string, number>): AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  const add = (given: any, id?: number, special?: boolean) => {
    const token = typeof given === 'string' ? { content: given, special: true } : given;
    if (typeof token?.content !== 'string' || token.content === '') return;
    const { content } = token;
    if (content.length > MAX_CONTENT)
      throw new Error(`expected added tokens of at most ${MAX_CONTENT} characters, got one of ${content.length}`);
    const next = () => [...tokens.values()].reduce((most, t) => Math.max(most, t.id + 1), vocabulary.size);
    const isSpecial = special || (token.special ?? false);
    tokens.set(content, {
      id: id ?? tokens.get(content)?.id ?? vocabulary.get(content) ?? next(),
      content,
      special: isSpecial || (tokens.get(content)?.special ?? false),
      normalized: token.normalized ?? !isSpecial,
      single_word: token.single_word ?? false,
      lstrip: token.lstrip ?? false,
      rstrip: token.rstrip ?? false,
    });
  };
  for (const [i, token] of (json.added_tokens ?? []).entries()) {
    if (typeof token?.content !== 'string' || !Number.isSafeInteger(token.id))
      throw new Error(
        `expected added_tokens[${i}] to have a content, a text, and an id, got ${JSON.stringify(token)?.slice(0, 80)}`,
      );
    add(token, token.id);
  }
  const decoder = Object.entries<any>(config.added_tokens_decoder ?? {}).sort(([a], [b]) => Number(a) - Number(b));
  const named = NAMED.map((name) => config[name]);
  const names = named.map((token) => token?.content ?? token);
  for (const [, token] of decoder) add(token, undefined, names.includes(token?.content));
  const more = ['model_specific_special_tokens', 'extra_special_tokens', 'additional_special_tokens'];
  for (const token of [...named, ...more.flatMap((name) => listOf(config[name]))])
    if (token && !tokens.has(token.content ?? token)) add(token, undefined, true);
  return [...tokens.values()];
}

const listOf = (value: any): any[] =>
  Array.isArray(value) ? value : value && typeof value === 'object' ? Object.values(value) : [];

/**
 * What the files of an older folder add to tokenizer_config.json: special_tokens_map.json, which wins over it, and added_tokens.json,
 * tokens with their ids. As in transformers, neither counts where tokenizer_config.json has an added_tokens_decoder.
 */
export function withOlderFiles(json: any, config: any, specialMap: any, added: Record<string, unknown>): Record<string, any> {
  if (config.added_tokens_decoder) return config;
  const whole = { ...config, ...specialMap };
  const known = new Set((Array.isArray(json?.added_tokens) ? json.added_tokens : []).map((token: any) => token?.id));
  const special = new Set(Object.values(whole).flatMap((value) => [value, ...listOf(value)].map((one) => one?.content ?? one)));
  const decoder: Record<string, unknown> = {};
  for (const [content, id] of Object.entries(added)) {
    if (!Number.isSafeInteger(id))
      throw new Error(
        `expected an id for each token of added_tokens.json, got ${JSON.stringify(id)} for ${JSON.stringify(content)}; take the file from the original model folder`,
      );
    if (!known.has(id)) decoder[String(id)] = { content, special: special.has(content), normalized: !special.has(content) };
  }
  return Object.keys(decoder).length ? { ...whole, added_tokens_decoder: decoder } : whole;
}
