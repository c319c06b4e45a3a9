"""RoPE as transformers scales it by YaRN and by dynamic NTK: frequencies of many configs, and a model's results under some.

python3 make_rope.py  writes rope.json
  cases   config.json by config.json: the inverse frequencies [head_dim / 2] and what cosines and sines are multiplied by
  models  the weights of a family under another rope_scaling: loss and length of every gradient of the first batch, log-probabilities
          of the rows before any step, greedy continuations

Needs torch, transformers, safetensors. Rows, what f64 means and when a golden is refused are make.py's.
"""
import json, pathlib, tempfile
import torch, transformers
from transformers import AutoConfig, AutoModelForCausalLM
from make import HERE, backward, bound, greedy, in_f64, logprob, make_rows, rel_l2, shaken

SIZES = dict(hidden_size=64, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=32, vocab_size=8)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32768)


def case(rope, model_type="qwen3", theta=1e6, positions=131072, **more):
    return dict(SIZES, model_type=model_type, rope_theta=theta, max_position_embeddings=positions, rope_scaling=rope, **more)


def newer(config):
    """The same in the form that transformers 5 writes."""
    theta, rope = config.pop("rope_theta"), config.pop("rope_scaling")
    return dict(config, rope_parameters=dict(rope, rope_theta=theta))


CASES = [
    case(YARN),
    newer(case(YARN)),
    case(dict(type="yarn", factor=4, original_max_position_embeddings=32768), "qwen2"),  # as Qwen2.5 says to
    case(dict(YARN, attention_factor=1.5)),
    case(dict(YARN, attention_factor=None, beta_fast=0, beta_slow=None)),
    case(dict(YARN, beta_fast=64, beta_slow=2.5)),
    case(dict(YARN, truncate=False)),
    case(dict(YARN, truncate=None)),
    case(dict(YARN, mscale=0.707, mscale_all_dim=1.3)),
    case(dict(YARN, mscale=0.707)),
    case(dict(YARN, mscale=0.707, mscale_all_dim=0)),
    case(dict(rope_type="yarn", factor=2.5), "llama", 1e4, 4096),  # no context of its own: the model's
    case(YARN, "llama", 1e4, 4096, original_max_position_embeddings=512),  # the outer one wins
    case(dict(rope_type="yarn", factor=None, original_max_position_embeddings=1000), "mistral", 1e5, 8000, sliding_window=None),
    case(dict(YARN, factor=0.5)),
    case(dict(YARN, original_max_position_embeddings=8), theta=100.0),  # no pair turns often
    case(dict(YARN, beta_fast=1, beta_slow=1, truncate=False)),  # nothing to blend between
    case(dict(YARN, beta_fast=1, beta_slow=4)),  # the wrong way round
    case(dict(YARN), "smollm3", 5e6, 131072, pad_token_id=0),
    case(dict(rope_type="dynamic", factor=4.0), "llama", 1e4, 2048),
    newer(case(dict(type="dynamic", factor=2.7, original_max_position_embeddings=64), "llama", 1e4, 2048)),
]

# llama3 has heads of 8 and turns by 1000^(-i / 4): the second of four pairs is halfway between kept and slowed
MODELS = [
    ("llama3", dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=2.0, beta_slow=0.1)),
    ("llama3", dict(rope_type="dynamic", factor=4.0)),
]


def frequencies(config):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "config.json").write_text(json.dumps(config))
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    rotary = model.model.rotary_emb
    return dict(config=config, inv_freq=[float(f"{x:.9g}") for x in rotary.inv_freq.tolist()], attention_scaling=rotary.attention_scaling)


def of_model(family, rope):
    theta = json.loads((HERE / family / "model/config.json").read_text())["rope_theta"]
    base = AutoModelForCausalLM.from_pretrained(HERE / family / "model", dtype=torch.float32, attn_implementation="sdpa", rope_scaling=dict(rope, rope_theta=theta)).eval()
    assert base.model.rotary_emb.rope_type == rope["rope_type"]
    rows = make_rows(base.config.vocab_size)

    def results(model):
        loss, _ = backward(model, rows[:4])
        lengths = {n: float(p.grad.norm()) for n, p in model.named_parameters()}
        return dict(loss=loss, grad_norms=lengths, eval=[float(logprob(model, r)[0].detach()) for r in rows])

    want, off = results(in_f64(base)), {}
    flat = lambda r, key: list(r[key].values()) if key == "grad_norms" else r[key]
    for seed in range(2):
        again = results(shaken(base, seed))
        for key in want: off[key] = max(off.get(key, 0.0), rel_l2(flat(again, key), flat(want, key)))
    print(family, rope["rope_type"], "f32 off by", {key: f"{v:.0e}" for key, v in off.items()})
    assert all(v < bound(key) / 3 for key, v in off.items()), "not robust: change a seed"
    return dict(family=family, rope_scaling=rope, **want, greedy=greedy(in_f64(base), base.config.vocab_size))


def main():
    made = dict(made_with=dict(torch=torch.__version__, transformers=transformers.__version__),
                cases=[frequencies(c) for c in CASES], models=[of_model(*m) for m in MODELS])
    (HERE / "rope.json").write_text(json.dumps(made) + "\n")


if __name__ == "__main__":
    main()
