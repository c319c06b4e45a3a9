// How GGUF's named pre-tokenizers cut text before byte-level merges: llama.cpp's table, for the names that the decoder families
// here and their fine-tunes carry. A tokenizer.json says the same with Split steps, so that is what a name becomes.

export interface PreTokenizer {
  /** Applied one after the other; each keeps its matches and what lies between them as pieces. */
  patterns: string[];
  /** A piece that is a token is taken whole, without merging. */
  ignoreMerges: boolean;
  /** Text is composed (NFC) first, as the model's own tokenizer does; llama.cpp leaves that out. */
  nfc: boolean;
  /** Whether a beginning-of-sequence token comes first where the file does not say. */
  addBos: boolean;
}

/** The pre-tokenizer of a `tokenizer.ggml.pre` name; an unknown name is an error. */
export function preTokenizer(name: string): PreTokenizer {
  const found = TABLE.find(([names]) => names.split(' ').includes(name));
  if (!found) {
    const known = TABLE.map(([names]) => names).join(' ');
    throw new Error(`expected a tokenizer.ggml.pre among ${known}, got ${name}; use the model's Hugging Face folder instead`);
  }
  const [, patterns, flags = ''] = found;
  return { patterns, ignoreMerges: flags.includes('whole'), nfc: flags.includes('nfc'), addBos: flags.includes('bos') };
}

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`;
const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const LLAMA3 = String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|${REST}`;
const QWEN2 = String.raw`${CONTRACTIONS}|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|${REST}`;
const [UPPER, LOWER] = [String.raw`[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`, String.raw`[\p{Ll}\p{Lm}\p{Lo}\p{M}]`];
const TEKKEN =
  String.raw`[^\r\n\p{L}\p{N}]?${UPPER}*${LOWER}+|[^\r\n\p{L}\p{N}]?${UPPER}+${LOWER}*|\p{N}|` +
  String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const DEEPSEEK3 =
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${'`'}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|` +
  String.raw` ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

const TABLE: [names: string, patterns: string[], flags?: string][] = [
  ['default', [String.raw`[\p{P}\$\+<=>\^~\|]+`, GPT2, String.raw`\p{N}+`, '[0-9][0-9][0-9]']],
  ['gpt-2 phi-2 mpt olmo jais trillion exaone4', [GPT2]],
  ['smollm starcoder refact command-r codeshell exaone minerva-7b', [String.raw`\p{N}`, GPT2]],
  ['llama-bpe llama3 llama-v3 falcon3 pixtral', [LLAMA3], 'whole bos'],
  ['dbrx smaug-bpe chatglm-bpe glm4', [LLAMA3]],
  ['qwen2 deepseek-r1-qwen', [QWEN2], 'nfc'],
  ['stablelm2 megrez hunyuan', [QWEN2]],
  ['tekken', [TEKKEN], 'whole bos'],
  ['deepseek-v3', [String.raw`\p{N}{1,3}`, '[一-龥぀-ゟ゠-ヿ]+', DEEPSEEK3]],
];

/** Every pattern of the table: read here, and quick on any text. */
export const PATTERNS: readonly string[] = TABLE.flatMap(([, patterns]) => patterns);

/** The name under which a tokenizer.json's steps before byte-level merges are known; undefined where none says the same. */
export function nameOfPreTokenizer(json: Record<string, any>): string | undefined {
  const steps = patternsOf(json.pre_tokenizer);
  if (steps === undefined) return undefined;
  const nfc = json.normalizer?.type === 'NFC' || json.normalizer?.normalizers?.some((one: any) => one.type === 'NFC') === true;
  if (json.normalizer && !nfc) return undefined;
  const whole = json.model.ignore_merges === true;
  const found = TABLE.find(
    ([, patterns, flags = '']) =>
      patterns.join('\n') === steps.join('\n') && flags.includes('whole') === whole && flags.includes('nfc') === nfc,
  );
  return found?.[0].split(' ')[0];
}

/** The patterns of Split, Digits and ByteLevel steps, in order; undefined where another step is among them. */
function patternsOf(step: any): string[] | undefined {
  switch (step?.type) {
    case 'Sequence': {
      const parts = step.pretokenizers.map(patternsOf);
      return parts.includes(undefined) ? undefined : parts.flat();
    }
    case 'ByteLevel':
      if (step.add_prefix_space) return undefined;
      return step.use_regex === false ? [] : [GPT2];
    case 'Digits':
      return step.individual_digits ? [String.raw`\p{N}`] : undefined;
    case 'Split':
      return step.behavior === 'Isolated' && !step.invert && typeof step.pattern.Regex === 'string'
        ? [step.pattern.Regex]
        : undefined;
    default:
      return undefined;
  }
}
