"""The last layers trained by PyTorch, the rest frozen: what the method topk-layers must compute.

python3 make_topk.py     writes topk/FAMILY.json: options, losses, gradient norms and log-probabilities of ten steps

Needs torch, transformers, safetensors. Models are those in FAMILY/model; rows, curves, what f64 means and when a golden is
refused are make.py's: f32 from shaken weights must stay within a third of the bound that tests hold.
"""
import json
import torch, transformers
from transformers import AutoModelForCausalLM
from make import FAMILIES, HERE, bound, curve, in_f64, make_rows, recipes, rel_l2, shaken

# biases, the last of two layers; q and k norms and a tied head that must stay, the last two of three
LAYERS = {"qwen2": 1, "qwen3": 2}


def load(family): return AutoModelForCausalLM.from_pretrained(HERE / family / "model", dtype=torch.float32, attn_implementation="sdpa").eval()


def freeze_below(model, k):
    """Only parameters of the last k layers train: nothing else has a gradient, and a curve sees nothing else."""
    lowest = model.config.num_hidden_layers - k
    trains = [(n, p) for n, p in model.named_parameters() if n.startswith("model.layers.") and int(n.split(".")[2]) >= lowest]
    model.requires_grad_(False)
    for _, p in trains: p.requires_grad_(True)
    model.named_parameters = lambda *_, **__: trains
    return model


def main():
    (HERE / "topk").mkdir(exist_ok=True)
    for family, k in LAYERS.items():
        base, config = load(family), FAMILIES[family][0]
        rows, o = make_rows(config.vocab_size), recipes(base, config)["full"] | dict(clip=1.0)
        want, off = curve(freeze_below(in_f64(base), k), rows, o), {}
        for seed in range(2):
            again = curve(freeze_below(shaken(base, seed), k), rows, o)
            for key in want: off[key] = max(off.get(key, 0.0), rel_l2(again[key], want[key]))
        golden = dict(layers=k, **o, **want, made_with=dict(torch=torch.__version__, transformers=transformers.__version__))
        (HERE / "topk" / f"{family}.json").write_text(json.dumps(golden) + "\n")
        print(family, k, "loss", [round(x, 3) for x in want["loss"]], "norm", [round(x, 2) for x in want["grad_norm"]])
        print("  f32 off by", {key: f"{v:.0e}" for key, v in off.items()}, "of 1e-5")
        assert all(v < bound(key) / 3 for key, v in off.items()), "not robust: change a seed"


if __name__ == "__main__":
    main()
