"""The package against what PyTorch made of the golden models without it: score maps, ten-step curves, chosen blocks. Bounds: 1e-5."""

import json
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from blocktune import smt
from blocktune.loss import token_losses
from blocktune.optimizer import clipped, optimizer_of
from blocktune.rows import collate
from blocktune.targets import MODULES
from conftest import ATTN, FAMILIES, GOLDENS, golden, golden_model, off, selection_of

MUON = json.loads((GOLDENS / "muon.json").read_text())["families"]
QUICK = pytest.mark.quick
EACH = [pytest.param(f, marks=QUICK if f == "llama3" else ()) for f in FAMILIES]
FAIR = json.loads((GOLDENS / "fair.json").read_text())


def ten_steps(
    model: Any, rows: list[Any], curve: dict[str, Any], kind: str, scale: str = "strip"
) -> tuple[list[float], list[float]]:
    layers = list(smt.smt_layers(model).values())
    optimizer = optimizer_of(layers, kind, tuple(curve["betas"]), curve["eps"], scale)
    losses, norms = [], []
    for t in range(10):
        batch = collate([rows[i] for i in range(4 * t % len(rows), 4 * t % len(rows) + 4)])
        loss = token_losses(model, batch).mean()
        optimizer.zero_grad()
        loss.backward()
        norms.append(clipped([layer.delta for layer in layers], curve["clip"]))
        for group in optimizer.param_groups:
            group["lr"] = curve["lr"]
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses, norms


@pytest.mark.parametrize("kind", ["smt8_all", "smt16_qkv"])
@pytest.mark.parametrize("family", EACH)
def test_ten_steps_of_adamw(family: str, kind: str) -> None:
    known = golden(family)
    curve = known["curves"][kind]
    model = smt.prepare(golden_model(family), selection_of(curve))
    losses, norms = ten_steps(model, known["rows"], curve, "adamw")
    assert off(losses, curve["loss"]) < 1e-5
    assert off(norms, curve["grad_norm"]) < 1e-5


@pytest.mark.parametrize("kind", ["smt8_all", "smt16_qkv"])
@pytest.mark.parametrize("family", EACH)
def test_ten_steps_of_muon(family: str, kind: str) -> None:
    known = golden(family)
    want = MUON[family][kind]
    model = smt.prepare(golden_model(family), selection_of(known["curves"][kind]))
    losses, norms = ten_steps(model, known["rows"], {**known["curves"][kind], **want}, "muon", want["scale"])
    assert off(losses, want["loss"]) < 1e-5
    assert off(norms, want["grad_norm"]) < 1e-5


@pytest.mark.parametrize("kind", ["absmean", "absofmean", "absmean-of-sum", "l2", "magnitude", "activation"])
@pytest.mark.parametrize("family", EACH)
def test_scores(family: str, kind: str) -> None:
    rows = golden(family)["rows"]
    known = load_file(GOLDENS / family / "golden.safetensors")
    how = {"select": kind} if kind in ("magnitude", "activation") else {"score": kind}
    batches = [collate(rows[at : at + 4]) for at in (0, 4, 8)]
    maps = smt.score(golden_model(family), batches, block=8, targets=[*ATTN, "gate", "up", "down"], **how)
    for name, values in maps.items():
        assert off(values, known[f"score/{name}/{kind}/8"]) < (1e-4 if kind == "absofmean" else 1e-5), name


def test_frozen_weights_stay_and_what_trained_trains_on_after_a_score() -> None:
    rows = golden("llama3")["rows"]
    model = golden_model("llama3")
    before = {name: p.clone() for name, p in model.named_parameters()}
    smt.score(model, [collate(rows[:4])], block=8)
    assert all(p.requires_grad and p.grad is None and torch.equal(p, before[name]) for name, p in model.named_parameters())


FAIR_CASES = [pytest.param(f, i, marks=QUICK if f == "llama3" else ()) for f in FAMILIES for i in range(len(FAIR[f]))]


@pytest.mark.parametrize(("family", "case"), FAIR_CASES)
def test_fair_choice(family: str, case: int) -> None:
    c = FAIR[family][case]
    known = load_file(GOLDENS / family / "golden.safetensors")
    maps = {}
    for key, values in known.items():
        kind, name, *how = *key.split("/"), ""
        if kind == "score" and how[:2] == [c["score"], str(c["edge"])] and name.split(".")[-2] in c["modules"]:
            maps[name] = values.double()
    most = max(float(values.max()) for values in maps.values())
    if c["levels"]:
        maps = {name: (values / most * c["levels"]).floor() for name, values in maps.items()}
    model = golden_model(family)
    how = {"budget": f"{c['N']}b", "block": c["edge"], "targets": c["modules"], "kappa": c["kappa"]}
    for spread, blocks in (("fair", c["blocks"]), ("apart", c["apart"])):
        chosen = smt.select(model, maps, spread=spread, **how)
        assert [[b["layer"], MODULES.index(b["module"]), b["row"], b["col"]] for b in chosen["blocks"]] == blocks
