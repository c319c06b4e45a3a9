"""Texts and their ids by the Rust original (pip install tokenizers), for tokenizers of every kind that is run here.

usage: python3 wheel.py OUT COUNT [FOLDER...]     a file a tokenizer under OUT: its settings and COUNT texts with ids and decoded text
Tokenizers are trained here on a text of this repository; each FOLDER adds the tokenizer.json (and tokenizer_config.json) in it.
"""
import json, pathlib, random, sys
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

OUT, COUNT, FOLDERS = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
HERE = pathlib.Path(__file__).resolve().parents[3]
CONTRACTIONS, REST = "(?i:'s|'t|'re|'ve|'m|'ll|'d)", r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{REST}"
QWEN2 = rf"{CONTRACTIONS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{REST}"
MARKS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
SCRIPTS = ("Привет мир Ünïcödé naïve façade Straße ΑΣΟΦΟΣ σοφός İstanbul ſtill Kelvin 你好 世界 生活很好 こんにちは カタカナ 한국어 안녕 العربية مرحبا עברית "
           "हिन्दी नमस्ते ไทยภาษา தமிழ் ١٢٣ ४५६ ½ ² Ⅷ ٣٫٥ ① ﬁne ﬀ Å e\u0301 a\u0308 \u1e9b\u0323 𝒳 𠀀 😀 👩‍👩‍👧 🇩🇪 ✈️ ½kg").split()
SPACES = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", " \n ", "\u00a0", "\u3000", "\u2028", "\u200b", "\u0085", "\ufeff", "\u200d"]
SIGNS = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "—", "„", "»", "'s", "'RE", "'ll", "'ſ", "'T", "▁", "▁▁", "Ġ", "\x00", "\x1b", "$&", "<0x0A>", "€", "™"]


def corpus():
    words = (HERE / "README.md").read_text("utf-8") + (HERE / "ARCHITECTURE.md").read_text("utf-8")
    return words.splitlines() + SCRIPTS + [" ".join(SCRIPTS)] * 20


def texts(rng, special, words):
    """Random texts: words, other scripts, digits, signs, white space, special tokens, in all orders."""
    kinds = [lambda: rng.choice(words), lambda: rng.choice(words), lambda: rng.choice(SCRIPTS), lambda: rng.choice(SIGNS), lambda: rng.choice(SPACES), lambda: " ",
             lambda: str(rng.randrange(10 ** rng.randrange(1, 12))), lambda: rng.choice(words).upper(), lambda: rng.choice(special),
             lambda: "".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(0xA0, 0x250), rng.randrange(0x370, 0x600), rng.randrange(0x900, 0xA00),
                                             rng.randrange(0x4E00, 0x9FA5), rng.randrange(0x1F300, 0x1F640)])) for _ in range(rng.randrange(1, 6)))]
    while True:
        if rng.random() < 0.1: yield " ".join(rng.choice(words) for _ in range(rng.randrange(1, 40)))
        else: yield "".join(rng.choice(kinds)() for _ in range(rng.randrange(0, 14)))


def trained(name, model, trainer, **parts):
    t = Tokenizer(model)
    for k, v in parts.items():
        if k not in ("added", "post"): setattr(t, k, v)
    t.train_from_iterator(corpus(), trainer)
    if parts.get("added"): t.add_tokens(parts["added"])
    if parts.get("post"): t.post_processor = parts["post"](t)
    return name, t


def around(t): return processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[(x, t.token_to_id(x)) for x in ("<s>", "</s>")])


def bos(t): return processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", t.token_to_id("<s>"))])])


def tokenizers():
    B, S = pre_tokenizers.ByteLevel, pre_tokenizers.Split
    plain = B(add_prefix_space=False, use_regex=False)
    sp = [f"<0x{b:02X}>" for b in range(256)]
    byte = lambda n=900: trainers.BpeTrainer(vocab_size=n, special_tokens=MARKS, initial_alphabet=B.alphabet(), show_progress=False)
    some = lambda n=700, **k: trainers.BpeTrainer(vocab_size=n, special_tokens=MARKS + k.pop("more", []), show_progress=False, limit_alphabet=120, **k)
    tail = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    seq = pre_tokenizers.Sequence
    yield trained("llama3: split by threes, whole words first", models.BPE(ignore_merges=True), byte(), pre_tokenizer=seq([S(Regex(LLAMA3), "isolated"), plain]),
                  decoder=decoders.ByteLevel(), post=bos)
    yield trained("qwen2: NFC", models.BPE(), byte(), normalizer=normalizers.NFC(), pre_tokenizer=seq([S(Regex(QWEN2), "isolated"), plain]), decoder=decoders.ByteLevel())
    yield trained("Digits one by one, a space before", models.BPE(), byte(), pre_tokenizer=seq([pre_tokenizers.Digits(True), B(add_prefix_space=True)]), decoder=decoders.ByteLevel(), post=bos)
    yield trained("Digits together", models.BPE(), byte(), pre_tokenizer=seq([pre_tokenizers.Digits(False), B(add_prefix_space=False)]), decoder=decoders.ByteLevel())
    yield trained("Metaspace with split", models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), some(more=sp), pre_tokenizer=pre_tokenizers.Metaspace(split=True),
                  decoder=decoders.Metaspace(), post=around)
    yield trained("Metaspace first, without split", models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), some(1100, more=sp),
                  pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first", split=False), decoder=tail, post=around)
    yield trained("Llama 2: Prepend and Replace, bytes lacking", models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True), some(900, more=sp[:200]),
                  normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), decoder=tail, post=around)
    flags = [AddedToken("<one>", single_word=True), AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True), AddedToken("New York", normalized=True, single_word=True),
             AddedToken("ÉTÉ", normalized=True, lstrip=True, rstrip=True), AddedToken("<raw>", normalized=False), AddedToken("<|im_start|>", special=True, rstrip=True)]
    yield trained("added tokens with every flag, Lowercase", models.BPE(unk_token="<unk>"), some(), normalizer=normalizers.Sequence([normalizers.Lowercase(), normalizers.NFC()]),
                  pre_tokenizer=pre_tokenizers.Metaspace(), decoder=decoders.Metaspace(), added=flags)
    yield trained("NFKD, StripAccents, Lowercase, Strip, Replace; Whitespace", models.BPE(unk_token="<unk>", fuse_unk=False), some(),
                  normalizer=normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip(), normalizers.Replace(Regex(r"\s+"), " $& ")]),
                  pre_tokenizer=pre_tokenizers.Whitespace())
    yield trained("NFKC; Punctuation, Split of every behaviour", models.BPE(unk_token="<unk>", fuse_unk=True), some(), normalizer=normalizers.NFKC(),
                  pre_tokenizer=seq([S("a", "merged_with_previous"), S(Regex("[eE]"), "merged_with_next"), S(Regex("o+"), "contiguous"), S(Regex(r"\s"), "removed"),
                                     S(Regex(r"\w+|\W+"), "removed", invert=True), pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.CharDelimiterSplit("x")]), decoder=decoders.Fuse())
    yield trained("BPE with word ends (</w>)", models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"), some(end_of_word_suffix="</w>"), pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
                  decoder=decoders.BPEDecoder("</w>"))
    yield trained("BPE with a prefix within words (##)", models.BPE(unk_token="<unk>", continuing_subword_prefix="##"), some(continuing_subword_prefix="##"),
                  pre_tokenizer=pre_tokenizers.WhitespaceSplit(), decoder=decoders.WordPiece())
    yield trained("ByteLevel normalizer, Split of merges", models.BPE(), byte(), normalizer=normalizers.ByteLevel(), decoder=decoders.ByteLevel())
    yield trained("Unigram", models.Unigram(), trainers.UnigramTrainer(vocab_size=600, special_tokens=MARKS, unk_token="<unk>", show_progress=False), pre_tokenizer=pre_tokenizers.Metaspace(),
                  decoder=decoders.Metaspace(), post=around)
    yield trained("WordPiece", models.WordPiece(unk_token="<unk>"), trainers.WordPieceTrainer(vocab_size=600, special_tokens=MARKS, show_progress=False, limit_alphabet=120),
                  normalizer=normalizers.Lowercase(), pre_tokenizer=pre_tokenizers.BertPreTokenizer(), decoder=decoders.WordPiece())
    yield trained("WordLevel", models.WordLevel(unk_token="<unk>"), trainers.WordLevelTrainer(vocab_size=600, special_tokens=MARKS, show_progress=False), pre_tokenizer=pre_tokenizers.Whitespace())


def as_transformers(t, config):
    """The tokens of tokenizer_config.json, added as transformers adds them."""
    named = [config.get(k) for k in ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")]
    make = lambda a: AddedToken(**{k: v for k, v in a.items() if k != "__type"}) if isinstance(a, dict) else AddedToken(a, special=True)
    tokens = [make(a) for _, a in sorted(config.get("added_tokens_decoder", {}).items(), key=lambda x: int(x[0]))]
    there = {a.content for a in t.get_added_tokens_decoder().values()} | {a.content for a in tokens}
    for a in tokens: a.special = a.special or a.content in named
    tokens += [make(a) for a in [*named, *config.get("additional_special_tokens", [])] if a and (a["content"] if isinstance(a, dict) else a) not in there]
    t.add_tokens(tokens)


def configured():
    """Tokens that stand in tokenizer_config.json alone: in the decoder; named and in the vocabulary; named and nowhere; with other flags."""
    name, t = trained("tokens of tokenizer_config.json alone", models.BPE(), trainers.BpeTrainer(vocab_size=700, special_tokens=MARKS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
                      pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=False), decoder=decoders.ByteLevel())
    raw = t.to_str(); n = t.get_vocab_size(); piece = next(w for w in ("the", "in", "an", "er") if t.token_to_id(w) is not None)
    token = lambda c, **k: dict(dict(content=c, lstrip=False, rstrip=False, single_word=False, normalized=False, special=True), **k)
    config = {"bos_token": piece, "eos_token": token("<|end|>", lstrip=True), "pad_token": "<pad>", "additional_special_tokens": ["<|more|>", "<s>"],
              "added_tokens_decoder": {"3": token("<|im_start|>", rstrip=True), str(n): token("<|tool|>"), str(n + 1): token("call me", special=False, single_word=True, normalized=True)}}
    as_transformers(t, config)
    return name, t, raw, config


def write(index, name, t, raw, config, words):
    special = [a.content for a in t.get_added_tokens_decoder().values()] or ["<s>"]
    special += [f" {s} " for s in special] + [f"a{s}b" for s in special]
    rng = random.Random(index); make = texts(rng, special, words); cases = []
    while len(cases) < COUNT:
        text = next(make); ids = t.encode(text, add_special_tokens=False).ids; whole = t.encode(text).ids
        cases.append([text, ids, whole, t.decode(whole, skip_special_tokens=False), t.decode(whole, skip_special_tokens=True)])
    (OUT / f"{index:02}.json").write_text(json.dumps({"name": name, "json": json.loads(raw), "config": config, "cases": cases}), "utf-8")


def classes():
    """What each step that goes by classes of characters does to every character: whether it cuts there, or what it makes of it."""
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    cuts = {"Digits": pre_tokenizers.Digits(True), "Punctuation": pre_tokenizers.Punctuation(), "WhitespaceSplit": pre_tokenizers.WhitespaceSplit(),
            "BertPreTokenizer": pre_tokenizers.BertPreTokenizer(), "Whitespace": pre_tokenizers.Whitespace(), "ByteLevel": pre_tokenizers.ByteLevel(add_prefix_space=False)}
    cuts |= {f"Split {p}": pre_tokenizers.Split(Regex(p), "isolated") for p in (r"\p{L}+", r"\p{N}", r"[\p{P}\p{S}]", r"\p{M}", r"\p{Lu}+", r"\p{Ll}+", r"\s", r"\w+", r"\d")}
    made = {n: getattr(normalizers, n)() for n in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Strip")}
    cut_at = {k: [ord(c) for c in every if len(p.pre_tokenize_str(f"a{c}a")) > 1] for k, p in cuts.items()}
    become = {k: {c: x for c in every if (x := n.normalize_str(c)) != c} for k, n in made.items()}
    return {"characters": len(every), "cuts": cut_at, "becomes": become}


def main():
    (OUT / "classes.json").write_text(json.dumps(classes()), "utf-8")
    words = sorted({w for line in corpus() for w in line.split()})
    every = [(name, t, t.to_str(), {}) for name, t in tokenizers()] + [configured()]
    for folder in map(pathlib.Path, FOLDERS):
        raw = (folder / "tokenizer.json").read_text("utf-8"); t = Tokenizer.from_str(raw)
        t.no_truncation(); t.no_padding()
        every.append((folder.name, t, raw, {}))
    for i, (name, t, raw, config) in enumerate(every): write(i, name, t, raw, config, words)


main()
