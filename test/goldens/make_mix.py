"""Ten steps of blocks and low-rank factors trained together by PyTorch, each with its optimizer and its rate, and the merged model's logits.

python3 make_mix.py     writes mix.json

Needs torch, transformers, peft, safetensors. Models and rows are make.py's, the factors begin as the adapters of make_peft.py, the blocks
are those of a golden's curve and begin as the base has them; Muon is make_muon.py's. The gradient's norm, and so the clip, is of all that
trains. Refused, as in make.py, is what f32 from shaken weights does not repeat within a third of 1e-5.
"""
import copy, json, math
import torch, transformers
from peft import PeftModel
from make import FAMILIES, HERE, backward, batches, cut, logprob, make_rows
from make_muon import Muon, load, robust

COMMON = dict(betas=(0.9, 0.999), eps=1e-5, clip=1.0)
CASES = {
    "llama-bias": dict(adapter="lora", blocks="smt8_all", optimizer="muon", lr=3e-3, lora_lr=1e-3, weight_decay=0.1, **COMMON),
    "qwen3": dict(adapter="rslora", blocks="smt16_qkv", optimizer="adamw", lr=2e-3, lora_lr=None, weight_decay=0.0, **COMMON),
}


def strip_scales(train):
    """1 / sqrt of the most blocks in one row or column strip of the matrix."""
    most = lambda n: max(sum(m == n and (r, c)[axis] == i for m, r, c in train) for m0, *at in train if m0 == n for axis, i in enumerate(at))
    return [1 / math.sqrt(most(n)) for n, _, _ in train]


def mixed(base, folder, rows, o, curve, steps=10):
    b = curve["block"]
    model = PeftModel.from_pretrained(copy.deepcopy(base), folder, is_trainable=True).to(next(base.parameters()).dtype).eval()
    P = {n.removeprefix("base_model.model.").replace(".base_layer", ""): p for n, p in model.named_parameters() if "lora_" not in n}
    train = {(n, r, c): torch.nn.Parameter(cut(P[n].data, r, c, b).clone()) for n, r, c in map(tuple, curve["blocks"])}
    whole = {n: P[n].requires_grad_(True) for n, _, _ in train}
    factors = [p for n, p in model.named_parameters() if "lora_" in n]
    held = [*((n, p) for n, p in whole.items()), *((str(i), p) for i, p in enumerate(factors))]
    model.named_parameters = lambda *_, **__: held  # what zero_grad clears
    own, betas = list(train.values()), o["betas"]
    adamw = lambda params, lr: torch.optim.AdamW(params, lr=lr, betas=betas, eps=o["eps"], weight_decay=o["weight_decay"])
    blocks = Muon(own, strip_scales(list(train)), o["lr"], betas[0], o["weight_decay"]) if o["optimizer"] == "muon" else adamw(own, o["lr"])
    optimizers = [blocks, adamw(factors, o["lora_lr"] or o["lr"])]
    out = dict(loss=[], grad_norm=[])
    for batch in batches(rows, steps):
        loss, _ = backward(model, batch)
        for (n, r, c), p in train.items(): p.grad = cut(whole[n].grad, r, c, b).clone()
        norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for p in [*own, *factors]))
        for p in [*own, *factors]: p.grad.mul_(min(1.0, o["clip"] / (norm + 1e-6)))
        for opt in optimizers: opt.step()
        with torch.no_grad():
            for (n, r, c), p in train.items(): cut(whole[n].data, r, c, b).copy_(p)
        out["loss"].append(loss); out["grad_norm"].append(norm)
    eval = [float(logprob(model, r)[0].detach()) for r in rows]
    merged = model.merge_and_unload()  # blocks lie in the base already
    with torch.no_grad(): logits = merged(torch.tensor([rows[0]["input_ids"]])).logits[0]
    return out | dict(eval=eval, logits=logits.flatten().tolist())


def main():
    out = {}
    for family, o in CASES.items():
        base, rows = load(family), make_rows(FAMILIES[family][0].vocab_size)
        curve = json.loads((HERE / family / "golden.json").read_text())["curves"][o["blocks"]]
        folder = HERE / "peft" / f"{family}-{o['adapter']}"
        made = robust(f"{family} blocks and factors", lambda m: mixed(m, folder, rows, o, curve), base)
        out[family] = dict(options=o, **{k: [float(f"{x:.9g}") for x in v] for k, v in made.items()})
    out["made_with"] = dict(torch=torch.__version__, transformers=transformers.__version__)
    (HERE / "mix.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
