"""Full fine-tuning by PyTorch of models that name a pad_token_id: what becomes of that token's row of the embedding.

python3 make_padding.py  writes padding.json: of two families the id, options, losses, gradient norms and log-probabilities of ten steps

Needs torch, transformers, safetensors. transformers gives nn.Embedding the id as padding_idx, which then has no gradient there; a
head that is tied to it still has its own. The id is the one that most rows have within them, as where pad_token is eos_token.
Models are those in FAMILY/model; rows, curves, what f64 means and when a golden is refused are make.py's.
"""
import collections, json
import torch, transformers
from transformers import AutoModelForCausalLM
from make import FAMILIES, HERE, bound, curve, in_f64, make_rows, recipes, rel_l2, shaken


def load(family, pad):
    return AutoModelForCausalLM.from_pretrained(HERE / family / "model", pad_token_id=pad, dtype=torch.float32, attn_implementation="sdpa").eval()


def main():
    goldens = {}
    for family in ("llama3", "qwen2"):  # tied, untied
        config = FAMILIES[family][0]
        rows = make_rows(config.vocab_size)
        (pad, _), = collections.Counter(i for r in rows for i in r["input_ids"]).most_common(1)
        base = load(family, pad)
        assert base.model.embed_tokens.padding_idx == pad
        o, off = recipes(base, config)["full"] | dict(clip=1.0), {}
        want, without = curve(in_f64(base), rows, o), curve(in_f64(load(family, None)), rows, o)
        for seed in range(2):
            again = curve(shaken(base, seed), rows, o)
            for key in want: off[key] = max(off.get(key, 0.0), rel_l2(again[key], want[key]))
        apart = {key: rel_l2(without[key], want[key]) for key in want}
        print(family, pad, "f32 off by", {key: f"{v:.0e}" for key, v in off.items()}, "where the row trains", {key: f"{v:.0e}" for key, v in apart.items()})
        assert all(v < bound(key) / 3 for key, v in off.items()), "not robust: change a seed"
        assert all(v > 10 * bound(key) for key, v in apart.items()), "not seen: another id"
        goldens[family] = dict(pad_token_id=pad, **o, **want)
    (HERE / "padding.json").write_text(json.dumps(dict(made_with=dict(torch=torch.__version__, transformers=transformers.__version__), **goldens)) + "\n")


if __name__ == "__main__":
    main()
