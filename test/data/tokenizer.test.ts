import { describe, expect, test } from 'vitest';
import { loadTokenizer } from '../../src/data/tokenizer.ts';
import { around, bytes, byteTokenizer } from './bytes-tokenizer.ts';
import { describeShared, sharedJson, sharedText } from './shared.ts';

const plain = { special: false };

describeShared('against published ids', () => {
  const llama = () => loadTokenizer({ json: sharedJson('data/tokenizers/tinyllama/tokenizer.json') });
  const gpt2 = () => loadTokenizer({ json: sharedJson('data/tokenizers/gpt2/tokenizer.json') });

  test.each([
    ['llamacpp-llama-spm', llama],
    ['llamacpp-gpt-2', gpt2],
  ])('%s', (file, open) => {
    const tokenizer = open();
    const { cases } = sharedJson(`data/vectors/tokenizer/${file}.json`);
    expect(cases.length).toBe(46);
    expect(cases.map(({ text }: any) => tokenizer.encode(text, plain))).toEqual(cases.map(({ ids }: any) => ids));
  });

  test('Xenova/llama-tokenizer: ids with bos, and the text again', () => {
    const tokenizer = llama();
    const cases = sharedJson('data/vectors/tokenizer/transformersjs-llama.json')['Xenova/llama-tokenizer'];
    const known = cases.filter(({ ids }: any) => Math.max(...ids) < 32000);
    expect(known.length).toBeGreaterThan(20);
    expect(known.map(({ text }: any) => tokenizer.encode(text, { special: true }))).toEqual(known.map(({ ids }: any) => ids));
    expect(known.map(({ ids }: any) => tokenizer.decode(ids, { skip_special: false }))).toEqual(
      known.map(({ decoded }: any) => decoded),
    );
  });

  test('Xenova/gpt2: ids and text', () => {
    const tokenizer = gpt2();
    const cases = sharedJson('data/vectors/tokenizer/transformersjs-gpt2.json')['Xenova/gpt2'];
    expect(cases.map(({ text }: any) => tokenizer.encode(text, plain))).toEqual(cases.map(({ ids }: any) => ids));
  });

  test.each(['smollm', 'gpt2', 'tinyllama'])('%s: a long text by words gives the ids of the whole', async (name) => {
    const json = sharedJson(`data/tokenizers/${name}/tokenizer.json`);
    const text = sharedText('data/datasets/tinyshakespeare/input.txt').slice(0, 60_000);
    const { Tokenizer } = await import('@huggingface/tokenizers');
    const whole = new Tokenizer(json, {}).encode(text, { add_special_tokens: false }).ids;
    expect(loadTokenizer({ json }).encode(text, plain)).toEqual(whole);
  });

  test('SmolLM2 answers published prompts with the published ids', () => {
    const tokenizer = loadTokenizer({ json: sharedJson('data/tokenizers/smollm/tokenizer.json') });
    const { prompts } = sharedJson('data/vectors/llama-forward/smollm2-135m-instruct.reference.json');
    expect(prompts.length).toBeGreaterThan(0);
    expect(prompts.map(({ text }: any) => tokenizer.encode(text, { special: true }))).toEqual(
      prompts.map(({ input_ids }: any) => input_ids),
    );
  });
});

describe('a tokenizer of bytes', () => {
  test('bytes are ids, special tokens in a text are found, unknown ids give nothing', () => {
    const tokenizer = byteTokenizer();
    expect(tokenizer.encode('a é', plain)).toEqual(bytes('a é'));
    expect(tokenizer.encode('a</s>b', plain)).toEqual([97, 257, 98]);
    expect(tokenizer.decode([97, 300, 257, 98], { skip_special: true })).toBe('ab');
    expect(tokenizer.decode([97, 257], { skip_special: false })).toBe('a</s>');
    expect(tokenizer.decode([], { skip_special: true })).toBe('');
    expect([tokenizer.bos, tokenizer.eos, tokenizer.vocab_size]).toEqual([256, 257, 258]);
  });

  test('a decoded text keeps its spaces before punctuation', () => {
    expect(byteTokenizer().decode(bytes("so , it is n't ."), { skip_special: true })).toBe("so , it is n't .");
  });

  test('tokenizer.json alone says what is put around a text, as in transformers', () => {
    const json = { post_processor: around('<s>', '$A', '</s>') };
    expect(byteTokenizer({ add_bos_token: false }, json).encode('a', { special: true })).toEqual([256, 97, 257]);
    const config = { tokenizer_class: 'LlamaTokenizer', add_bos_token: true, add_eos_token: true };
    expect(byteTokenizer(config).encode('a', { special: true })).toEqual([97]);
  });

  test('the end that config.json names stands in for one that the tokenizer does not', () => {
    const json = { model: { type: 'BPE', vocab: { a: 0, b: 1 }, merges: [] } };
    const tokenizer = loadTokenizer({ json, eos: 1 });
    expect([tokenizer.bos, tokenizer.eos, tokenizer.named.eos_token]).toEqual([null, 1, 'b']);
  });

  test('a token that reaches across words keeps words together', () => {
    const vocab = { a: 0, b: 1, Ġ: 2, aĠ: 3, aĠb: 4 };
    const json = {
      model: { type: 'BPE', vocab, merges: ['a Ġ', 'aĠ b'] },
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, use_regex: false },
      decoder: { type: 'ByteLevel' },
    };
    expect(loadTokenizer({ json }).encode('a b', plain)).toEqual([4]);
  });

  test('tokens that stand in tokenizer_config.json alone: in the decoder, named, in the vocabulary', () => {
    const decoder = { '258': { content: '<|t|>', lstrip: true, special: true }, '259': { content: 'call', single_word: true } };
    const config = { added_tokens_decoder: decoder, eos_token: '</s>', pad_token: '<pad>', unk_token: 'Q' };
    const t = byteTokenizer(config);
    expect(t.encode('a <|t|>Qb', plain)).toEqual([97, 258, 81, 98]);
    expect(t.encode('call calls', plain)).toEqual([259, 32, ...bytes('calls')]);
    expect(t.encode('<pad>', plain)).toEqual([260]);
    expect(t.decode([81, 98, 260], { skip_special: true })).toBe('b'); // a named token is special
    expect(t.vocab_size).toBe(261);
  });

  test.each([
    ['Metaspace', { pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'always' } }],
    ['Metaspace first', { pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'first' } }],
    ['Prepend', { normalizer: { type: 'Prepend', prepend: '▁' } }],
  ])(
    '%s: a text that goes on from another has no space put before it, what follows an added token in it has as ever',
    (_, step) => {
      const model = { type: 'BPE', vocab: { a: 0, '▁': 1, '▁a': 2 }, merges: ['▁ a'], unk_token: null };
      const t = loadTokenizer({ json: { model, added_tokens: [{ id: 3, content: '<s>', special: true }], ...step } });
      const after = _ === 'Metaspace first' ? [0] : [2];
      expect(t.encode('a<s>a', plain)).toEqual([2, 3, ...after]);
      expect(t.encode('a<s>a', { special: false, continued: true })).toEqual([0, 3, ...after]);
      expect(t.encode('<s>a', { special: false, continued: true })).toEqual([3, ...after]);
    },
  );

  test('ids of a vocabulary may have gaps', () => {
    const vocab = { a: 0, b: 5, c: 9, ab: 7, ac: 3, bc: 11, ca: 2 };
    const model = { type: 'BPE', vocab, merges: ['a b', 'c a', 'a c', 'b c'] };
    const json = { model, pre_tokenizer: null, decoder: { type: 'Fuse' } };
    const t = loadTokenizer({ json });
    expect(['ab', 'ac', 'bc', 'ca', 'cc', 'ba', 'abca'].map((text) => t.encode(text, plain))).toEqual([
      [7],
      [3],
      [11],
      [2],
      [9, 9],
      [5, 0],
      [7, 2],
    ]);
  });

  describe('settings from others', () => {
    const nested = (type: string, key: string, parts: number) =>
      Array.from({ length: parts }).reduce<object>((inner) => ({ type, [key]: [inner] }), { type });
    const grows = { type: 'Replace', pattern: { String: 'e' }, content: 'ee' };
    const text = 'here there everywhere';
    test.each<[what: string, more: object, says: RegExp]>([
      [
        'a text that doubles forty times',
        { normalizer: { type: 'Sequence', normalizers: Array(40).fill(grows) } },
        /at most 2344 char/,
      ],
      ['one match that becomes a million', { normalizer: { ...grows, content: 'x'.repeat(1e6) } }, /at most 2344 characters/],
      ['a million in front', { normalizer: { type: 'Prepend', prepend: 'x'.repeat(1e6) } }, /at most 2344 characters/],
      [
        'letters of letters of bytes',
        { pre_tokenizer: { type: 'Sequence', pretokenizers: Array(60).fill({ type: 'ByteLevel', use_regex: false }) } },
        /at most 1256 characters/,
      ],
      [
        'a space of a million',
        { pre_tokenizer: { type: 'Metaspace', replacement: 'x'.repeat(1e6) } },
        /replacement to be one character/,
      ],
      ['stages in each other', { normalizer: nested('Sequence', 'normalizers', 1e4) }, /at most 200 stages in the normalizer/],
      [
        'stages side by side',
        { decoder: { type: 'Sequence', decoders: Array(1e4).fill({ type: 'Fuse' }) } },
        /200 stages in the dec/,
      ],
      ['a text put around itself', { post_processor: around('$A', '$A') }, /around the text, once/],
      [
        'ids around it that are none',
        { post_processor: { ...around('<s>', '$A'), special_tokens: { '<s>': { ids: [1e9] } } } },
        /among its tokens/,
      ],
      ['an added token that is none', { added_tokens: [5] }, /added_tokens\[0\] to have a content, a text, and an id, got 5/],
      [
        'an added token of a million',
        { added_tokens: [{ id: 1, content: 'x'.repeat(1e6) }] },
        /at most 10000 characters, got one of 1000000/,
      ],
      [
        'a model called as what every object has',
        { model: { type: 'constructor', vocab: {} } },
        /BPE, Unigram.*got "constructor"/,
      ],
      [
        'scores that are none',
        {
          model: {
            type: 'Unigram',
            vocab: [
              ['a', 0],
              ['b', 'x'],
            ],
          },
        },
        /scores in the vocabulary, got \["b","x"\]/,
      ],
      [
        'an unknown piece beyond all',
        { model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 9 } },
        /unk_id to be one of 1 pieces, got 9/,
      ],
      [
        'ten thousand alternatives',
        { pre_tokenizer: { type: 'Split', pattern: { Regex: Array(1e4).fill('a').join('|') }, behavior: 'Isolated' } },
        /at most 4000 characters, got 19999/,
      ],
      ['merges of numbers', { model: { type: 'BPE', vocab: { a: 0 }, merges: [[1, 2]] } }, /merges of two tokens .*got \[1,2\]/],
    ])('%s are refused in words', (what, more, says) => {
      const of = what.startsWith('letters') ? 'éé¤µ' : text;
      expect(() => byteTokenizer({}, more as Record<string, unknown>).encode(of, { special: true })).toThrow(says);
    });
  });

  test('a chat template that is no text is none', () => {
    for (const chat_template of [5, {}, [null], [{ name: 'default', template: 7 }]])
      expect(byteTokenizer({ chat_template }).chatTemplate).toBeUndefined();
  });

  test('a text of many books in one row is refused before it is cut', () => {
    expect(() => byteTokenizer().encode('a'.repeat(2 ** 24 + 1), plain)).toThrow(
      /at most 16777216 characters, got one of 16777217/,
    );
  });

  test('half of a surrogate pair is refused', () => {
    expect(() => byteTokenizer().encode('a\ud800', plain)).toThrow('half of a surrogate pair');
  });

  test.each([
    [{ normalizer: { type: 'Precompiled', precompiled_charsmap: '' } }, 'a normalizer that is known here, got "Precompiled"'],
    [{ normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }] } }, 'got "Nmt"'],
    [{ pre_tokenizer: { type: 'UnicodeScripts' } }, 'a pre-tokenizer that is known here, got "UnicodeScripts"'],
    [{ pre_tokenizer: { type: 'Split', pattern: { String: 'a' }, behavior: 'Other' } }, 'Split.behavior to be one of'],
    [{ pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'last' } }, 'Metaspace.prepend_scheme'],
    [{ post_processor: { type: 'Other' } }, 'a post-processor that is known here, got "Other"'],
    [{ post_processor: around('<x>', '$A') }, '"<x>", which is put around a text'],
    [{ decoder: { type: 'CTC' } }, 'a decoder that is known here, got "CTC"'],
    [{ model: { type: 'Other', vocab: {} } }, 'BPE, Unigram, WordPiece or WordLevel, got "Other"'],
    [{ model: { type: 'BPE', vocab: { a: 0 }, merges: [], dropout: 0.1 } }, 'BPE without dropout'],
    [{ model: { type: 'BPE', vocab: { a: 0 }, merges: ['a b'] } }, 'two tokens into one of the vocabulary, got "a b"'],
  ])('%o is refused by name', (more, message) => {
    expect(() => byteTokenizer({}, more)).toThrow(message);
  });

  test.each([[null], [{}], [{ model: {} }]])('%o is no tokenizer', (json) => {
    expect(() => loadTokenizer({ json })).toThrow('expected tokenizer.json to hold a model');
  });
});
