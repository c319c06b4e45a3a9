"""Adapter folders both ways: what blocktune's command line trained goes on here, what is trained here goes on there."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from blocktune import load_adapter, merge, save_adapter, smt
from blocktune.loss import token_losses
from blocktune.rows import collate
from conftest import blocktune, golden, golden_model, load, of, off, selection_of


def logprobs(model: Any, rows: list[Any]) -> list[float]:
    with torch.no_grad():
        return [-float(token_losses(model, collate([row])).sum()) for row in rows]


def trained(family: str = "llama3") -> Any:
    """A prepared model with differences of some size."""
    torch.manual_seed(3)
    model = smt.prepare(golden_model(family), selection_of(golden(family)["curves"]["smt8_all"]))
    for layer in smt.smt_layers(model).values():
        nn.init.normal_(layer.delta, std=0.05)
    return model


@pytest.mark.quick
@pytest.mark.parametrize("told", [[], ["q"]])  # targets: those of the blocks are in any case
def test_saved_and_loaded_again_it_is_the_same_to_the_bit(tmp_path: Path, told: list[str]) -> None:
    model = trained()
    save_adapter(model, tmp_path / "a", targets=told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = load_adapter(golden_model("llama3"), tmp_path / "a")
    for (path, one), (other_path, other) in zip(smt.smt_layers(model).items(), smt.smt_layers(again).items(), strict=True):
        assert path == other_path and one.index == other.index and torch.equal(one.delta, other.delta)


@pytest.mark.quick
@pytest.mark.parametrize("family", ["llama3", "llama-bias"])
def test_merged_it_is_a_plain_model_with_the_same_logits(family: str) -> None:
    rows = golden(family)["rows"]
    model = trained(family)
    want = logprobs(model, rows)
    merge(model)
    assert not smt.smt_layers(model)
    assert {name for name, _ in model.named_parameters()} == {name for name, _ in golden_model(family).named_parameters()}
    assert off(logprobs(model, rows), want) < 1e-6
    assert off(want, logprobs(golden_model(family), rows)) > 1e-3  # the differences do something


@pytest.mark.quick
def test_another_base_is_a_warning_that_names_matrices_and_cure(tmp_path: Path) -> None:
    save_adapter(trained(), tmp_path / "a")
    other = golden_model("llama3")
    with torch.no_grad():
        other.model.layers[1].self_attn.v_proj.weight[0, 0] += 1
    with pytest.warns(
        UserWarning, match=r"got other values of model.layers.1.self_attn.v_proj.weight: .*load the model that the adapter is of"
    ):
        load_adapter(other, tmp_path / "a")


@pytest.mark.quick
def test_another_models_shapes_are_an_error(tmp_path: Path) -> None:
    save_adapter(trained(), tmp_path / "a")
    with pytest.raises(
        ValueError, match=r"expected model.layers.0.* as the adapter .* it was trained on another one. Load its own base"
    ):
        load_adapter(golden_model("mistral"), tmp_path / "a")


@pytest.mark.quick
def test_a_peft_adapter_is_refused_by_name() -> None:
    from conftest import GOLDENS

    folder = next(path.parent for path in sorted((GOLDENS / "peft").rglob("adapter_config.json")))
    with pytest.raises(ValueError, match=r"got LORA: PEFT itself loads"):
        load_adapter(golden_model("llama3"), folder)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"layer": 9, "module": "q_proj", "row": 0, "col": 0}, "got q_proj of layer 9: the selection is another model's"),
        (
            {"layer": 0, "module": "k_proj", "row": 2, "col": 0},
            r"expected blocks of 8 inside .*k_proj.weight \[16, 48\], got \(2, 0\)",
        ),
    ],
)
def test_blocks_that_do_not_fit(block: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        smt.prepare(golden_model("llama3"), {"block": 8, "blocks": [block]})


def test_blocktune_goes_on_from_what_was_trained_here(tmp_path: Path, model_folder: Any, rows_file: Any) -> None:
    rows = golden("llama3")["rows"]
    model = trained()
    save_adapter(model, tmp_path / "a")
    where = ["--model", model_folder("llama3"), "--data", rows_file(rows), "--adapter", tmp_path / "a"]
    examples = of(blocktune("eval", *where, "--per-example"), "example")
    assert off([e["logprob"] for e in examples], logprobs(model, rows)) < 1e-5
    lines = blocktune("train", *where, "--steps", 2, "--lr", 1e-3, "--no-shuffle", "--batch", 4, "--out", tmp_path / "b")
    with torch.no_grad():
        losses = token_losses(model, collate(rows[:4]))
    assert of(lines, "step")[0]["loss"] == pytest.approx(float(losses.mean()), rel=1e-5)
    on = json.loads((tmp_path / "b" / "adapter_config.json").read_text())
    assert on["base"] == json.loads((tmp_path / "a" / "adapter_config.json").read_text())["base"]


def test_what_blocktune_trained_goes_on_here(tmp_path: Path, model_folder: Any, rows_file: Any) -> None:
    rows = golden("llama3")["rows"]
    where = ["--model", model_folder("llama3"), "--data", rows_file(rows)]
    blocktune("train", *where, "--steps", 6, "--lr", 1e-2, "--budget", "30%t", "--out", tmp_path / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # its hashes are this base's
        model = load_adapter(golden_model("llama3"), tmp_path / "a")
    examples = of(blocktune("eval", *where, "--adapter", tmp_path / "a", "--per-example"), "example")
    assert off(logprobs(model, rows), [e["logprob"] for e in examples]) < 1e-5
    blocktune("merge", "--model", model_folder("llama3"), "--adapter", tmp_path / "a", "--out", tmp_path / "merged")
    merged = load(tmp_path / "merged")
    ids = torch.tensor([rows[0]["input_ids"]])
    with torch.no_grad():
        assert off(merge(model)(ids).logits, merged(ids).logits) < 1e-6
