"""PyTorch goldens for the tests: tiny random models of every family and what an engine must compute on them.

Run in this folder: python3 make.py [FAMILY...]. Needs torch, transformers, safetensors. Writes, for each family,
  FAMILY/model/              Hugging Face folder, f32
  FAMILY/golden.json         rows, loss, log-probabilities, ten-step curves with their options, blocks, greedy continuations
  FAMILY/golden.safetensors  logits of rows[0]; grad/NAME of the first batch; score/NAME/KIND/b of three frozen steps

References are computed in f64 and stored f32; transformers' norms and rotary tables, which it keeps in f32, are replaced by
the same in f64. Everything but the continuations is computed again by transformers as it is, in f32, from weights shaken by half a unit in
the last place: what differs by more than a third of the bound that tests hold (1e-5 relative L2, score maps of kind
absofmean 1e-4) is refused, so that a sound engine passes by right.
"""
import copy, json, math, pathlib, shutil, sys
import torch, transformers
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config, SmolLM3Config

HERE = pathlib.Path(__file__).parent
torch.set_num_threads(1)
ATTN, MLP = ["q_proj", "k_proj", "v_proj", "o_proj"], ["gate_proj", "up_proj", "down_proj"]
bound = lambda kind: 1e-4 if kind == "score/absofmean" else 1e-5  # a signed mean over a block cancels
COMMON = dict(max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=None)


def sizes(V, D, F, L, H, K, **more):
    return dict(COMMON, vocab_size=V, hidden_size=D, intermediate_size=F, num_hidden_layers=L, num_attention_heads=H, num_key_value_heads=K, **more)


def rope(kind="default", theta=10000.0, **more): return dict(rope_type=kind, rope_theta=theta, **more)


FAMILIES = {
    # Llama 3.2: tied, three query heads to a key head, a wavelength in the smooth band of the scaling, odd vocabulary; older config.json
    "llama3": (LlamaConfig(**sizes(97, 48, 80, 3, 6, 2), tie_word_embeddings=True, rms_norm_eps=1e-5, rope_parameters=rope(
        "llama3", 1000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)), "rope_type"),
    # Llama 1 and 2: untied, a key head to each query head, linear scaling; the oldest config.json (rope_scaling.type)
    "llama-linear": (LlamaConfig(**sizes(130, 32, 48, 2, 4, 4), tie_word_embeddings=False, rms_norm_eps=1e-6,
                                 rope_parameters=rope("linear", factor=2.5)), "type"),
    # Qwen 2 and 2.5: biases on q, k, v; one key head for all; untied
    "qwen2": (Qwen2Config(**sizes(101, 48, 80, 2, 3, 1), tie_word_embeddings=False, rms_norm_eps=1e-6, rope_parameters=rope(theta=1e6)), None),
    # Qwen 3: q and k norms, heads wider than hidden / heads, ffn not a multiple of 16; tied
    "qwen3": (Qwen3Config(**sizes(127, 32, 72, 3, 4, 2, head_dim=16), tie_word_embeddings=True, rms_norm_eps=1e-6, rope_parameters=rope(theta=1e6)), None),
    # Mistral without sliding window; a large epsilon; older config.json
    "mistral": (MistralConfig(**sizes(96, 32, 64, 2, 4, 2, head_dim=8), sliding_window=None, tie_word_embeddings=False, rms_norm_eps=1e-3,
                              rope_parameters=rope(theta=1e5)), "rope_type"),
    # Llama with a bias on all seven matrices
    "llama-bias": (LlamaConfig(**sizes(113, 32, 48, 2, 2, 1), tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
                               rms_norm_eps=1e-5, rope_parameters=rope()), None),
    # SmolLM3: a layer without RoPE between two with it (there a bias of k has no gradient), biases in the MLP alone, four query heads to
    # the one key head; older config.json
    "smollm3": (SmolLM3Config(**sizes(109, 32, 48, 3, 4, 1, head_dim=16), no_rope_layers=[1, 0, 1], no_rope_layer_interval=2, mlp_bias=True,
                              tie_word_embeddings=True, rms_norm_eps=1e-6, rope_parameters=rope(theta=5e6)), "rope_type"),
}

SEEDS = {"qwen2": 504}  # where a family's name gave a model whose gradients cancel more than f32 likes


def make_model(family, config):
    torch.manual_seed(SEEDS.get(family, sum(map(ord, family))))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=torch.float32)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 2: p.normal_(0, 0.3 if "embed" in name or "lm_head" in name else 1.4 / math.sqrt(p.shape[1]))
            elif name.endswith("bias"): p.normal_(0, 0.3)
            else: p.normal_(1.0, 0.2)
    return model.eval()


def in_f64(model):
    """A copy in f64 throughout: norms as they are defined, cosines of f64 angles; inverse frequencies rounded to f32 as transformers has them."""
    model = copy.deepcopy(model).double()
    def norm(m): return lambda x: m.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + m.variance_epsilon)
    def tables(m):
        def forward(x, position_ids):
            angles = position_ids[..., None].double() * m.inv_freq.double(); both = torch.cat([angles, angles], -1)
            return both.cos() * m.attention_scaling, both.sin() * m.attention_scaling
        return forward
    for m in model.modules():
        if type(m).__name__.endswith("RMSNorm"): m.forward = norm(m)
        if type(m).__name__.endswith("RotaryEmbedding"): m.forward = tables(m)
    return model


def save_model(model, folder, old_form):
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if not old_form: return
    path = folder / "config.json"; c = json.loads(path.read_text()); r = c.pop("rope_parameters")
    c["rope_theta"] = r.pop("rope_theta"); kind = r.pop("rope_type")
    c["rope_scaling"] = None if kind == "default" else {old_form: kind, **r}
    c["torch_dtype"] = c.pop("dtype", "float32"); c.pop("layer_types", None)
    if old_form == "type": c.pop("head_dim", None); c.pop("num_key_value_heads") if c["num_key_value_heads"] == c["num_attention_heads"] else None
    path.write_text(json.dumps(c, indent=2))


def make_rows(V):
    """Walks over ids, of unlike lengths from 2 to 37; every third all learned, the others after a prompt, one with a hole."""
    g = torch.Generator().manual_seed(5); rows = []
    for i, T in enumerate([19, 5, 37, 8, 2, 23, 11, 30, 3, 14, 26, 7]):
        start, stride = int(torch.randint(3, V, (1,), generator=g)), 1 + i % 4
        ids = [1] + [3 + (start + stride * j) % (V - 3) for j in range(T - 2)] + [2]
        labels = [-100] * (T // 3 if i % 3 else 0) + ids[T // 3 if i % 3 else 0:]
        if i == 2: labels[9:13] = [-100] * 4
        rows.append(dict(input_ids=ids, labels=labels))
    return rows


# --- the mathematics ----------------------------------------------------------------------------------------------
def logprob(model, row):
    """Summed log-probability of a row's targets, and their number: label i is predicted at i - 1."""
    lp = model(torch.tensor([row["input_ids"]])).logits[0].double().log_softmax(-1)[:-1]
    want = torch.tensor(row["labels"])[1:]; keep = want != -100
    return lp[keep].gather(1, want[keep].unsqueeze(1)).sum(), int(keep.sum())


def batch_loss(model, rows):
    both = [logprob(model, r) for r in rows]; n = sum(k for _, k in both)
    return -sum(a for a, _ in both) / n, n


def backward(model, rows):
    model.zero_grad(set_to_none=True); loss, n = batch_loss(model, rows); loss.backward()
    return float(loss.detach()), n


def batches(rows, steps, size=4): return [rows[i * size % len(rows):][:size] for i in range(steps)]


def cut(w, row, col, b): return w[row * b:(row + 1) * b, col * b:(col + 1) * b]


def curve(model, rows, o, steps=10):
    """Ten steps of torch.optim.AdamW: on everything, or on the given blocks of matrices alone (each block a parameter)."""
    P, b = dict(model.named_parameters()), o.get("block")
    if b: train = {(n, r, c): torch.nn.Parameter(cut(P[n].data, r, c, b).clone()) for n, r, c in map(tuple, o["blocks"])}
    else: train = P
    groups = [dict(params=[p for p in train.values() if (p.ndim == 2) == m], weight_decay=o["weight_decay"] * m) for m in (True, False)]
    opt = torch.optim.AdamW([g for g in groups if g["params"]], lr=o["lr"], betas=o["betas"], eps=o["eps"]); out = dict(loss=[], grad_norm=[])
    for batch in batches(rows, steps):
        loss, _ = backward(model, batch)
        if b:
            for (n, r, c), p in train.items(): p.grad = cut(P[n].grad, r, c, b).clone()
        norm = math.sqrt(sum(float((p.grad.double() ** 2).sum()) for p in train.values()))
        for p in train.values(): p.grad.mul_(min(1.0, o["clip"] / (norm + 1e-6)))
        opt.step()
        if b:
            with torch.no_grad():
                for (n, r, c), p in train.items(): cut(P[n].data, r, c, b).copy_(p)
        out["loss"].append(loss); out["grad_norm"].append(norm)
    out["eval"] = [float(logprob(model, r)[0].detach()) for r in rows]
    return out


def matrices(model, modules):
    return [n for n, p in model.named_parameters() if p.ndim == 2 and n.split(".")[-2] in modules]


def some_blocks(model, modules, b):
    """A seventh of all blocks of these matrices, at least two of each: off the diagonal, first and last ones among them."""
    P, out = dict(model.named_parameters()), []
    for i, n in enumerate(matrices(model, modules)):
        R, C = P[n].shape[0] // b, P[n].shape[1] // b; k = max(2, round(R * C / 7))
        out += [[n, j // C, j % C] for j in sorted({((2 * i + 1) + t * (R * C // k)) % (R * C) for t in range(k - 1)} | {R * C - 1 if i % 2 else 0})]
    return out


def blocks_of(w, b): return w.reshape(w.shape[0] // b, b, w.shape[1] // b, b)


def scores(model, rows, steps=3):
    """Score maps of frozen warm-up, {NAME/KIND/b}: edge 8 for all seven, edge 16 for q, k, v."""
    P, xs, gs = dict(model.named_parameters()), {}, {}
    def hook(name):
        def keep(_, inputs, __): xs.setdefault(name, []).append(inputs[0].detach()[0].abs().double())
        return keep
    names = matrices(model, ATTN + MLP)
    hooks = [model.get_submodule(n.removesuffix(".weight")).register_forward_hook(hook(n)) for n in names]
    for batch in batches(rows, steps):
        backward(model, batch)
        for n in names: gs.setdefault(n, []).append(P[n].grad.double().clone())
    for h in hooks: h.remove()
    out = {}
    for b in (8, 16):
        for n in names if b == 8 else matrices(model, ATTN[:3]):
            g, w, x = gs[n], P[n].detach().double().abs(), torch.cat(xs[n]).mean(0)
            mean = lambda m: blocks_of(m, b).mean((1, 3))
            kinds = {"absmean": sum(mean(a.abs()) for a in g), "absofmean": mean(sum(g)).abs(), "absmean-of-sum": mean(sum(g).abs()),
                     "l2": sum(blocks_of(a * a, b).sum((1, 3)) for a in g).sqrt(), "magnitude": mean(w), "activation": mean(w * x)}
            out |= {f"{n}/{k}/{b}": v for k, v in kinds.items()}
    return out


def greedy(model, V, new=12, tries=400):
    """Three prompts of lengths 3, 5, 8 whose continuations are decided by the clearest margins, and are not one token repeated."""
    g, out = torch.Generator().manual_seed(9), []
    for T in (3, 5, 8):
        prompts = torch.randint(3, V, (tries, T), generator=g); ids, margin = prompts, torch.full((tries,), 9.0, dtype=torch.float64)
        with torch.no_grad():
            for _ in range(new):
                top = model(ids).logits[:, -1].double().topk(2); margin = torch.minimum(margin, top.values[:, 0] - top.values[:, 1])
                ids = torch.cat([ids, top.indices[:, :1]], 1)
        ok = [i for i in range(tries) if len(set(ids[i, T:].tolist())) >= 4 and 2 not in ids[i, T:]]
        i = max(ok, key=lambda i: margin[i]); assert margin[i] > 0.02, margin[i]
        out.append(dict(prompt=prompts[i].tolist(), new=ids[i, T:].tolist(), margin=round(float(margin[i]), 4)))
    return out


# --- one family ---------------------------------------------------------------------------------------------------
def shaken(model, seed):
    m = copy.deepcopy(model); torch.manual_seed(seed)
    with torch.no_grad():
        for p in m.parameters(): p.mul_(1 + 6e-8 * torch.randn_like(p))
    return m


def rel_l2(a, b): a, b = (torch.as_tensor(x).detach().double() for x in (a, b)); return float((a - b).norm() / b.norm())


def maps(model, rows):
    """Everything that is a tensor: gradients and loss of the first batch, logits of the first row, score maps."""
    loss, tokens = backward(model, rows[:4]); out = {f"grad/{n}": p.grad.clone() for n, p in model.named_parameters()}
    with torch.no_grad(): out["logits"] = model(torch.tensor([rows[0]["input_ids"]])).logits[0]
    return out | {f"score/{k}": v for k, v in scores(model, rows).items()}, loss, tokens


def recipes(base, config):
    """What the curves train, and how; 16 does not divide every ffn."""
    every = ATTN + MLP; some = lambda modules, b: dict(block=b, blocks=some_blocks(base, modules, b), lr=2e-3, betas=[0.9, 0.95], eps=1e-4, weight_decay=0.0)
    return {"full": dict(lr=1e-3, betas=[0.9, 0.999], eps=1e-4, weight_decay=0.1), "smt8_all": some(every, 8), "smt8_qkv": some(every[:3], 8),
            "smt16_qkv": some(every[:3], 16), "smt16_all": some(every if config.intermediate_size % 16 == 0 else ATTN, 16)}


def main(only):
    for family, (config, old_form) in FAMILIES.items():
        if only and family not in only: continue
        folder = HERE / family; shutil.rmtree(folder, ignore_errors=True); folder.mkdir()
        base = make_model(family, config); save_model(base, folder / "model", old_form)
        V, rows = config.vocab_size, make_rows(config.vocab_size); f64 = lambda: in_f64(base)
        tensors, loss, tokens = maps(f64(), rows); runs = recipes(base, config); off = {}
        def note(kind, got, want): off[kind] = max(off.get(kind, 0.0), rel_l2(got, want))
        for o in runs.values():
            o["clip"] = 1e9; o["clip"] = float(f"{sorted(curve(f64(), rows, o)['grad_norm'])[5]:.3g}")  # some steps clipped, some not
            o |= curve(f64(), rows, o)
            for seed in range(2):
                again = curve(shaken(base, seed), rows, o)
                for k in ("loss", "grad_norm", "eval"): note(k, again[k], o[k])
        for seed in range(2):
            for k, v in maps(shaken(base, seed), rows)[0].items(): note(k.split("/")[0] + ("/" + k.split("/")[2] if k[0] == "s" else ""), v, tensors[k])
        golden = dict(rows=rows, batch=4, loss=loss, tokens=tokens, eval=[[float(a.detach()), n] for a, n in (logprob(f64(), r) for r in rows)],
                      curves=runs, greedy=greedy(f64(), V), made_with=dict(torch=torch.__version__, transformers=transformers.__version__))
        (folder / "golden.json").write_text(json.dumps(golden) + "\n")
        save_file({k: v.detach().float().contiguous() for k, v in tensors.items()}, folder / "golden.safetensors")
        for p in folder.rglob("*.safetensors"): p.chmod(0o644)
        size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        print(family, f"{size / 1e3:.0f} kB, loss {loss:.3f}", {k: (round(o["loss"][-1], 3), o["clip"], len(o.get("blocks", []))) for k, o in runs.items()},
              "margins", [g["margin"] for g in golden["greedy"]])
        print("  f32 off by", {k: f"{v:.0e}" for k, v in off.items()}, "of 1e-5")
        assert all(v < bound(k) / 3 for k, v in off.items()), "not robust: change a seed"


if __name__ == "__main__":
    main(sys.argv[1:])
