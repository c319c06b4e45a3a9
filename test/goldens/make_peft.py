"""LoRA and DoRA against PEFT itself, both ways.

python3 make_peft.py [FAMILY-KIND...]  writes peft/FAMILY-KIND/: an adapter as PEFT saves it (B not zero) and golden.json, ten steps
                         from there
python3 make_peft.py check [WAY...]  trains by the command line, anew and from adapters with patterns, then lets PEFT load the adapter and
                         transformers the merged model: log-probabilities within 1e-4 of the command line's own; a minute.

Needs torch, transformers, peft, tokenizers. Models, rows, curves and what f64 means are make.py's.
"""
import copy, json, pathlib, shutil, subprocess, sys, tempfile
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM
from make import ATTN, MLP, FAMILIES, HERE, curve, in_f64, logprob, make_rows

# biases on all seven matrices (a row's scale must not reach its bias); q and k norms, a tied head; rank-stabilized scale on some; patterns
# whose keys are a module, an end of names, an expression of several, one that comes too late, one that none matches
KINDS = {
    "llama-bias": dict(lora=dict(r=4, lora_alpha=8), dora=dict(r=3, lora_alpha=8, use_dora=True),
                       pattern=dict(r=4, lora_alpha=8, rank_pattern={"q_proj": 2, r"layers\.1\.mlp\.(up|gate)_proj": 6, "0.self_attn.v_proj|w": 3, "roj": 9},
                                    alpha_pattern={"k_proj": 20, "[ov]_proj": 5.5, "model.layers.1.self_attn.o_proj": 3})),
    "qwen3": dict(rslora=dict(r=5, lora_alpha=4, use_rslora=True, target_modules=["k_proj", "up_proj"]),
                  dora=dict(r=4, lora_alpha=6, use_dora=True, target_modules=["q_proj", "o_proj", "down_proj"]),
                  dorapattern=dict(r=3, lora_alpha=6, use_dora=True, use_rslora=True, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"],
                                   rank_pattern={r"model\.layers\.[12]\..*": 5}, alpha_pattern={r".*\.0\..*": 12, "down_proj": 2})),
}
OPTIONS = dict(lr=3e-3, betas=(0.9, 0.999), eps=1e-5, weight_decay=0.1, clip=1.0)


def load(family): return AutoModelForCausalLM.from_pretrained(HERE / family / "model", dtype=torch.float32, attn_implementation="sdpa").eval()


def steps(base, folder, rows):
    model = PeftModel.from_pretrained(base, folder, is_trainable=True).to(next(base.parameters()).dtype).eval()
    trains = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    model.named_parameters = lambda *_, **__: trains
    return dict(start=[float(logprob(model, r)[0].detach()) for r in rows], **curve(model, rows, OPTIONS))


def make(only):
    for family, kinds in KINDS.items():
        base, rows = load(family), make_rows(FAMILIES[family][0].vocab_size)
        for kind, config in kinds.items():
            if only and f"{family}-{kind}" not in only: continue
            torch.manual_seed(sum(map(ord, family + kind))); folder = HERE / "peft" / f"{family}-{kind}"; shutil.rmtree(folder, ignore_errors=True)
            model = get_peft_model(copy.deepcopy(base), LoraConfig(**dict(target_modules=ATTN + MLP, task_type="CAUSAL_LM") | config))
            with torch.no_grad():
                for n, p in model.named_parameters():
                    if "lora_B" in n: p.normal_(0, 0.1)
                    if "magnitude" in n: p.mul_(1 + 0.1 * torch.randn_like(p))
            model.save_pretrained(folder); (folder / "README.md").unlink(missing_ok=True)
            path = folder / "adapter_config.json"; c = json.loads(path.read_text()); c["base_model_name_or_path"] = ""
            c["target_modules"].sort(); path.write_text(json.dumps(c, indent=2))
            want, plain = steps(in_f64(base), folder, rows), steps(copy.deepcopy(base), folder, rows)
            for key in want:
                a, b = torch.tensor(want[key], dtype=torch.float64), torch.tensor(plain[key], dtype=torch.float64)
                off = float((a - b).norm() / a.norm()); assert off < 1e-5 / 3, (family, kind, key, off)
            (folder / "golden.json").write_text(json.dumps(dict(options=OPTIONS, **want)))
            print(family, kind, [round(x, 4) for x in want["loss"]])


def with_tokenizer(model, folder):
    """A copy of the model that the command line takes: with a tokenizer, which rows of ids never ask."""
    shutil.copytree(model, folder); alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())[:90]
    t = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[])); t.pre_tokenizer = pre_tokenizers.ByteLevel()
    t.save(str(folder / "tokenizer.json")); return folder


def check(only):
    root, worst = HERE.parent.parent, {}
    run = lambda *a: [json.loads(l) for l in subprocess.run(["node", "scripts/blocktune.mjs", *map(str, a), "--json", "--tune", "off"], cwd=root, check=True,
                                                            capture_output=True, text=True).stdout.splitlines()]
    for family in KINDS:
        rows, new = make_rows(FAMILIES[family][0].vocab_size), ["--rank", 4, "--alpha", 8]
        ways = [("lora", ["--method", "lora", *new, "--targets", "all"]), ("dora", ["--method", "dora", *new, "--targets", "all"]),
                ("dora", ["--method", "dora", *new, "--targets", "v,up", "--dropout", "0.2"])]
        ways += [(f"from {kind}", ["--adapter", HERE / "peft" / f"{family}-{kind}"]) for kind in KINDS[family] if "pattern" in kind]
        for method, more in ways:
            if only and f"{family} {method}" not in only: continue
            with tempfile.TemporaryDirectory() as tmp:
                tmp = pathlib.Path(tmp); data = tmp / "rows.jsonl"; data.write_text("".join(json.dumps(r) + "\n" for r in rows))
                at = ["--model", with_tokenizer(HERE / family / "model", tmp / "model")]
                run("train", *at, "--data", data, "--lr", 1e-2, "--steps", 6, "--out", tmp / "a", *more)
                run("merge", *at, "--adapter", tmp / "a", "--out", tmp / "merged")
                ours = [e["logprob"] for e in run("eval", *at, "--data", data, "--adapter", tmp / "a", "--per-example") if e["kind"] == "example"]
                tuned = PeftModel.from_pretrained(load(family), tmp / "a").eval()
                assert all(float(p.abs().max()) > 0 for n, p in tuned.named_parameters() if "lora_B" in n), "PEFT did not find our tensors"
                merged = AutoModelForCausalLM.from_pretrained(tmp / "merged", dtype=torch.float32).eval()
                base = load(family)
                for name, model in dict(adapter=tuned, merged=merged).items():
                    off = max(abs(float(logprob(model, r)[0]) - o) / max(1, abs(o)) for r, o in zip(rows, ours, strict=True))
                    worst[f"{family} {method} {name}"] = off; assert off < 1e-4, (family, method, name, off)
                moved = max(abs(float(logprob(base, r)[0]) - o) / max(1, abs(o)) for r, o in zip(rows, ours)); assert moved > 1e-2, moved
    print({k: f"{v:.1e}" for k, v in worst.items()})


if __name__ == "__main__":
    with torch.enable_grad(): check(sys.argv[2:]) if sys.argv[1:2] == ["check"] else make(sys.argv[1:])
