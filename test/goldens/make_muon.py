"""Ten steps of Muon by PyTorch: blocks of every family, the factors of LoRA and DoRA adapters, and single updates of odd shapes.

python3 make_muon.py     writes muon.json

Needs torch, transformers, peft, safetensors. Models, rows, blocks, clips and what f64 means are make.py's, adapters make_peft.py's.
A step on a matrix [r, c] (a block, a factor; anything else is AdamW's), after the clip by the global norm:
  m = beta m + (1 - beta) g;  u = beta m + (1 - beta) g;  X = u / (|u| + 1e-12), on its shorter side
  five times: Q = X X'; X = 3.4445 X + (-4.7750 Q + 2.0315 Q Q) X
  W = W - lr (decay W + sqrt(max(r, c)) scale X)
scale: 1 ("block"), or 1 / sqrt(s) with s the most blocks in one row strip or column strip of the matrix ("strip").
Refused, as in make.py, is what f32 from shaken weights does not repeat within a third of 1e-5.
"""
import collections, copy, json, math
import torch, transformers
from peft import PeftModel
from make import FAMILIES, HERE, backward, batches, bound, cut, in_f64, logprob, make_rows, rel_l2, shaken
from make_peft import KINDS, OPTIONS

LR = 3e-3
CURVES = [("smt8_all", "block"), ("smt16_qkv", "strip")]
SHAPES = [[4, 4], [6, 6], [7, 7], [8, 8], [24, 24], [3, 40], [40, 3], [1, 9], [12, 8], [33, 33]]


def load(family): return transformers.AutoModelForCausalLM.from_pretrained(HERE / family / "model", dtype=torch.float32, attn_implementation="sdpa").eval()


def orthogonal(u):
    x = u / (u.norm() + 1e-12); tall = x.shape[0] > x.shape[1]
    if tall: x = x.T
    for _ in range(5):
        q = x @ x.T; x = 3.4445 * x + (-4.7750 * q + 2.0315 * q @ q) @ x
    return x.T if tall else x


class Muon:
    def __init__(self, params, scales, lr, beta, decay): self.params, self.scales, self.lr, self.beta, self.decay, self.m = params, scales, lr, beta, decay, {}
    def step(self):
        for p, scale in zip(self.params, self.scales, strict=True):
            m = self.m.setdefault(p, torch.zeros_like(p)); m.mul_(self.beta).add_(p.grad, alpha=1 - self.beta)
            u = self.beta * m + (1 - self.beta) * p.grad
            with torch.no_grad(): p.sub_(self.lr * (self.decay * p + math.sqrt(max(p.shape)) * scale * orthogonal(u)))


def run(model, rows, o, train, scales, gather=lambda: None, scatter=lambda: None, steps=10):
    """Ten steps: Muon on matrices, AdamW on the rest; gather fills gradients that are parts of others, scatter puts values back."""
    flat = [p for p in train if p.ndim == 2]; rest = [p for p in train if p.ndim != 2]
    opts = [Muon(flat, scales, o["lr"], o["betas"][0], o["weight_decay"])]
    if rest: opts.append(torch.optim.AdamW(rest, lr=o["lr"], betas=o["betas"], eps=o["eps"], weight_decay=0.0))
    out = dict(loss=[], grad_norm=[])
    for batch in batches(rows, steps):
        loss, _ = backward(model, batch); gather()
        norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for p in train))
        for p in train: p.grad.mul_(min(1.0, o["clip"] / (norm + 1e-6)))
        for opt in opts: opt.step()
        scatter(); out["loss"].append(loss); out["grad_norm"].append(norm)
    return out | dict(eval=[float(logprob(model, r)[0].detach()) for r in rows])


def blocks(model, rows, o, scale):
    P, b = dict(model.named_parameters()), o["block"]
    train = {(n, r, c): torch.nn.Parameter(cut(P[n].data, r, c, b).clone()) for n, r, c in map(tuple, o["blocks"])}
    strips = collections.Counter((n, axis, i) for n, r, c in train for axis, i in ((0, r), (1, c)))
    most = {n: max(k for (m, _, _), k in strips.items() if m == n) for n, _, _ in train}
    scales = [1 / math.sqrt(most[n]) if scale == "strip" else 1.0 for n, _, _ in train]
    def gather():
        for (n, r, c), p in train.items(): p.grad = cut(P[n].grad, r, c, b).clone()
    def scatter():
        with torch.no_grad():
            for (n, r, c), p in train.items(): cut(P[n].data, r, c, b).copy_(p)
    return run(model, rows, o, list(train.values()), scales, gather, scatter)


def factors(base, folder, rows):
    model = PeftModel.from_pretrained(base, folder, is_trainable=True).to(next(base.parameters()).dtype).eval()
    trains = [(n, p) for n, p in model.named_parameters() if p.requires_grad]; model.named_parameters = lambda *_, **__: trains
    train = [p for _, p in trains]
    return run(model, rows, OPTIONS | dict(lr=LR), train, [1.0] * sum(p.ndim == 2 for p in train))


def robust(name, make, base):
    want, off = make(in_f64(base)), {}
    for seed in range(2):
        again = make(shaken(base, seed))
        for key in want: off[key] = max(off.get(key, 0.0), rel_l2(again[key], want[key]))
    print(name, "loss", [round(x, 4) for x in want["loss"][::3]], "f32 off by", {k: f"{v:.0e}" for k, v in off.items()})
    assert all(v < bound(k) / 3 for k, v in off.items()), "not robust"
    return want


def updates():
    """One update of zeros by a random gradient, at a rate of 1: minus sqrt(max(r, c)) X."""
    g, out = torch.Generator().manual_seed(3), []
    for shape in SHAPES:
        grad = torch.randn(shape, generator=g).float(); u = grad.double() * 0.19  # 0.9 x 0.1 + 0.1
        out.append(dict(shape=shape, grad=grad.flatten().tolist(), update=(-math.sqrt(max(shape)) * orthogonal(u)).float().flatten().tolist()))
    return out


def main():
    out = dict(families={}, peft={}, updates=updates())
    for family in FAMILIES:
        base, rows = load(family), make_rows(FAMILIES[family][0].vocab_size); out["families"][family] = {}
        curves = json.loads((HERE / family / "golden.json").read_text())["curves"]
        for kind, scale in CURVES:
            o = {k: curves[kind][k] for k in ("block", "blocks", "clip")} | dict(lr=LR, betas=[0.9, 0.95], eps=1e-8, weight_decay=0.0)
            made = robust(f"{family} {kind} {scale}", lambda m: blocks(m, rows, o, scale), base)
            out["families"][family][kind] = dict(scale=scale, **{k: v for k, v in o.items() if k != "blocks"}, **made)
    for family, kinds in KINDS.items():
        base, rows = load(family), make_rows(FAMILIES[family][0].vocab_size)
        for kind in kinds:
            folder = HERE / "peft" / f"{family}-{kind}"
            out["peft"][f"{family}-{kind}"] = dict(options=OPTIONS | dict(lr=LR), **robust(f"{family} {kind}", lambda m: factors(m, folder, rows), base))
    out["made_with"] = dict(torch=torch.__version__, transformers=transformers.__version__)
    (HERE / "muon.json").write_text(json.dumps(out) + "\n")


if __name__ == "__main__":
    main()
