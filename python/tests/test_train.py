"""Runs by recipe: the same recipe through blocktune's command line and here, over one process and several, stopped and gone on."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from blocktune.rows import Order, hold_out
from conftest import blocktune, curve_of, golden, of, off, train

CURVE = 1e-5
KEPT = ("trained", "gradients", "moments")


@pytest.fixture
def recipe(tmp_path: Path, model_folder: Any, rows_file: Any) -> Any:
    """Writes a recipe for a golden model: ten steps of four rows, over more than two epochs of eleven."""

    def write(name: str = "recipe.json", family: str = "llama3", **settings: Any) -> Path:
        rows = golden(family)["rows"][:11]
        base = {
            "model": str(model_folder(family)),
            "data": [str(rows_file(rows))],
            "batch": 2,
            "accumulate": 2,
            "steps": 10,
            "lr": 0.003,
            "budget": "20%t",
        }
        (tmp_path / name).write_text(json.dumps({key: value for key, value in {**base, **settings}.items() if value is not None}))
        return tmp_path / name

    return write


def near(got: list[dict[str, Any]], want: list[dict[str, Any]]) -> None:
    """The same selection, warm-up, steps and evaluations."""
    for one, other in zip(of(got, "selection"), of(want, "selection"), strict=True):
        places = [[[b["layer"], b["module"], b["row"], b["col"]] for b in line["blocks"]] for line in (one, other)]
        assert places[0] == places[1]
        assert off([b["score"] for b in one["blocks"]], [b["score"] for b in other["blocks"]]) < 1e-5
        assert {k: one[k] for k in ("block", "share_model", "share_targets", "trainable")} == {
            k: other[k] for k in ("block", "share_model", "share_targets", "trainable")
        }
    for one, other in zip(of(got, "blocks_update"), of(want, "blocks_update"), strict=True):
        assert one["norm"] == pytest.approx(other["norm"], rel=1e-4)
        assert off([b["share"] for b in one["blocks"]], [b["share"] for b in other["blocks"]]) < 1e-4
    for kind in ("warmup", "step", "eval"):
        assert len(of(got, kind)) == len(of(want, kind))
        assert [(s["step"], s["tokens"]) for s in of(got, kind)] == [(s["step"], s["tokens"]) for s in of(want, kind)]
        if of(want, kind):
            assert off([s["loss"] for s in of(got, kind)], [s["loss"] for s in of(want, kind)]) < CURVE
    for key in ("grad_norm", "lr"):
        assert off([s[key] for s in of(got, "step")], [s[key] for s in of(want, "step")]) < CURVE


def same_adapter(one: Path, other: Path) -> None:
    a, b = (load_file(place / "adapter_model.safetensors") for place in (one, other))
    by_place = [
        {
            (name, *place): values
            for name in tensors
            if name.endswith(".index")
            for place, values in zip(map(tuple, tensors[name].tolist()), tensors[name.replace(".index", ".blocks")], strict=True)
        }
        for tensors in (a, b)
    ]
    assert set(by_place[0]) == set(by_place[1])
    keys = sorted(by_place[0])
    assert off(torch.stack([by_place[0][k] for k in keys]), torch.stack([by_place[1][k] for k in keys])) < 1e-4
    configs = [json.loads((place / "adapter_config.json").read_text()) for place in (one, other)]
    assert configs[0] == configs[1]


SETTINGS = [
    pytest.param({}, id="defaults"),
    pytest.param({"optimizer": "adamw", "spread": "matrix"}, id="adamw"),
    pytest.param(
        {"optimizer": "adamw", "weightDecay": 0.3, "schedule": "cosine", "lrWarmup": 3, "clip": 0, "score": "l2"}, id="decay"
    ),
    pytest.param({"weightDecay": 30, "decayToward": "base"}, id="decay-toward-base"),
    pytest.param(
        {"select": "activation", "targets": ["q", "v", "down"], "eval": "20%", "evalEvery": 3, "budget": "attn=3%,mlp=1%"},
        id="eval",
    ),
    pytest.param(
        {"optimizer": "adamw", "eps": 1e-4, "select": "random", "seed": 7, "spread": "global", "block": 8, "noShuffle": True},
        id="random",
    ),
    pytest.param({"lr": None, "family": "qwen2", "select": "magnitude"}, id="rate by rule"),
    pytest.param(
        {"lr": None, "steps": 167, "batch": 1, "accumulate": 1, "select": "magnitude"}, id="too few rows to try rates by"
    ),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_recipe_is_the_same_run_there_and_here(tmp_path: Path, recipe: Any, settings: dict[str, Any]) -> None:
    """What `train --save-recipe` left of a run is read here."""
    want = blocktune(
        "train", recipe("given.json", **settings), "--out", tmp_path / "there", "--save-recipe", tmp_path / "saved.json"
    )
    got = train(1, tmp_path / "saved.json", "--out", tmp_path / "here")
    near(got, want)
    same_adapter(tmp_path / "here", tmp_path / "there")
    assert [(line["kind"], sorted(line)) for line in got] == [
        (line["kind"], sorted(line)) for line in want if line["kind"] != "note"
    ]
    for one, other in zip(of(got, "plan"), of(want, "plan"), strict=True):
        assert {k: one[k] for k in ("program", "trainable", "bound")} == {k: other[k] for k in ("program", "trainable", "bound")}
        a, b = one["bytes"], other["bytes"]
        assert list(a) == list(b) and 2 * a["total"] == sum(a.values())
        assert [a[k] for k in KEPT] == [b[k] for k in KEPT]
        assert a["weights"] == pytest.approx(b["weights"], rel=0.01)  # there tensors begin at whole steps of bytes
    assert all(line["planned"] == line["allocated"] for line in of(got, "memory"))


def test_a_run_goes_on_from_an_adapter_as_it_does_there(tmp_path: Path, recipe: Any) -> None:
    """What was trained here goes on there by a recipe that names it, and by what that run saves of itself, here."""
    train(1, recipe(lr=0.02), "--out", tmp_path / "a")
    given = recipe("on.json", adapter=str(tmp_path / "a"), budget=None, eval="20%", seed=5)
    want = blocktune("train", given, "--out", tmp_path / "there", "--save-recipe", tmp_path / "saved.json")
    got = train(2, tmp_path / "saved.json", "--out", tmp_path / "here", "--fsdp", "--shard-blocks")
    assert off(curve_of(got), curve_of(want)) < CURVE
    assert off([s["loss"] for s in of(got, "eval")], [s["loss"] for s in of(want, "eval")]) < CURVE
    assert of(got, "step")[0]["loss"] != pytest.approx(of(train(1, recipe("fresh.json", seed=5)), "step")[0]["loss"], rel=1e-3)
    same_adapter(tmp_path / "here", tmp_path / "there")


def test_rows_and_selection_are_what_the_command_line_wrote(
    tmp_path: Path, recipe: Any, model_folder: Any, rows_file: Any
) -> None:
    where = ["--model", model_folder("llama3"), "--data", rows_file(golden("llama3")["rows"][:11])]
    blocktune("rows", *where, "--out", tmp_path / "written.jsonl")
    blocktune("select", *where, "--budget", "20%t", "--batch", 2, "--out", tmp_path / "blocks.json")
    want = train(1, recipe())
    got = train(1, recipe(data=None, budget=None), "--rows", tmp_path / "written.jsonl", "--selection", tmp_path / "blocks.json")
    assert off(curve_of(got)[0], curve_of(want)[0]) < CURVE


def test_the_matrices_of_given_blocks_are_targets_too(tmp_path: Path, recipe: Any) -> None:
    """By a selection beyond q, k and v, which are told: their share, and by it the rate and the adapter, are of these five."""
    places = [("o_proj", 1, 2), ("down_proj", 0, 3), ("down_proj", 2, 1)]
    blocks = [{"layer": 0, "module": module, "row": row, "col": col, "score": 0.0} for module, row, col in places]
    (tmp_path / "blocks.json").write_text(json.dumps({"block": 8, "blocks": blocks}))
    file = recipe(lr=None, budget=None, selection=str(tmp_path / "blocks.json"))
    want = blocktune("train", file, "--out", tmp_path / "there")
    got = train(1, file, "--out", tmp_path / "here")
    near(got, want)
    same_adapter(tmp_path / "here", tmp_path / "there")


WAYS = [[], ["--fsdp"], ["--fsdp", "--shard-blocks"]]


@pytest.mark.parametrize("way", WAYS, ids=["DDP", "FSDP2", "FSDP2, blocks sharded"])
@pytest.mark.parametrize("settings", [{"optimizer": "adamw", "eval": "20%"}, {"weightDecay": 0.1}], ids=["adamw", "muon"])
def test_two_processes_are_as_one(tmp_path: Path, recipe: Any, way: list[str], settings: dict[str, Any]) -> None:
    file = recipe(**settings)
    want = train(1, file, "--out", tmp_path / "one")
    got = train(2, file, "--out", tmp_path / "two", *way)
    near(got, want)
    same_adapter(tmp_path / "two", tmp_path / "one")


@pytest.mark.parametrize(
    ("first", "then"),
    [((1, []), (2, ["--fsdp", "--shard-blocks"])), ((2, ["--fsdp", "--shard-blocks"]), (1, [])), ((2, []), (4, []))],
    ids=["1 to 2 sharded", "2 sharded to 1", "2 to 4"],
)
def test_a_run_goes_on_on_another_number_of_processes(tmp_path: Path, recipe: Any, first: Any, then: Any) -> None:
    file = recipe(checkpointEvery=4, eval="20%", patience=5)
    want = train(1, file, "--out", tmp_path / "whole")
    train(first[0], file, "--out", tmp_path / "parts", *first[1])
    shutil.rmtree(tmp_path / "parts" / "checkpoints" / "step-00000008")  # as if it had been killed before
    got = train(then[0], file, "--out", tmp_path / "parts", "--resume", *then[1])
    assert [s["step"] for s in of(got, "step")] == [5, 6, 7, 8, 9, 10]
    assert off(curve_of(got)[0], curve_of(want)[0][4:]) < CURVE
    assert not of(got, "warmup")
    same_adapter(tmp_path / "parts", tmp_path / "whole")


def test_a_resumed_run_is_the_same_to_the_bit(tmp_path: Path, recipe: Any) -> None:
    file = recipe(checkpointEvery=4, eval="20%", patience=5)
    want = train(1, file, "--out", tmp_path / "whole")
    shutil.copytree(tmp_path / "whole" / "checkpoints" / "step-00000004", tmp_path / "parts" / "checkpoints" / "step-00000004")
    got = train(1, file, "--out", tmp_path / "parts", "--resume")
    figures = [[(s["loss"], s["grad_norm"], s["lr"]) for s in of(lines, "step")] for lines in (got, want)]
    assert len(figures[0]) == 6 and figures[0] == figures[1][4:]
    files = [(tmp_path / name / "adapter_model.safetensors").read_bytes() for name in ("parts", "whole")]
    assert files[0] == files[1]


def test_flags_win_over_the_recipe(recipe: Any) -> None:
    lines = train(1, recipe(lr="auto", schedule="constant"), "--lr", 0.003, "--epochs", 1)
    assert [s["lr"] for s in of(lines, "step")] == [0.003] * 3  # eleven rows, four a step


def test_recomputed_layers_change_nothing(tmp_path: Path, recipe: Any, model_folder: Any) -> None:
    """Nor does dropout that a config asks for: it is not applied, there as here."""
    shutil.copytree(model_folder("llama3"), tmp_path / "drops")
    config = json.loads((tmp_path / "drops" / "config.json").read_text())
    (tmp_path / "drops" / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.5}))
    got = train(1, recipe(recompute="on", model=str(tmp_path / "drops")))
    assert off(curve_of(got)[0], curve_of(train(1, recipe("plain.json")))[0]) < 1e-6


@pytest.mark.quick
def test_every_row_of_a_step_is_one_processs() -> None:
    from blocktune.rows import share_of

    order = Order(11, 2, 4, shuffle=True, seed=3)
    step = order.step(1)  # three rows are left of the epoch
    assert sum(map(len, step)) == 3
    for world in (1, 2, 4, 8):
        parts = [share_of(step, order, rank, world) for rank in range(world)]
        assert sorted(row for part in parts for micro in part for row in micro) == sorted(row for micro in step for row in micro)
        assert {len(part) for part in parts} == {max(1, 4 // world)}
    kept, held = hold_out(11, 0.2, 3)
    assert sorted(kept + held) == list(range(11)) and len(held) == 2


# --- bad input: one paragraph with the cure ---------------------------------------------------------------------------------


BAD = [
    (3, {}, "divides the 4 rows of a step (batch 2 x accumulate 2), got 3: start 1, 2, 4, or change batch or accumulate."),
    (1, {"share": 0.5}, "expected settings that this engine has, got share in "),
    (1, {"guard": "a.jsonl", "spike": 3}, "expected settings that this engine has, got guard, spike in "),
    (1, {"method": "lora"}, "got \"lora\": Input should be 'smt' (PEFT trains lora and dora, transformers all of a model)."),
    (1, {"betas": [0.9, 1]}, "expected a sound betas in "),
    (1, {"batch": 0}, "got 0: Input should be greater than or equal to 1."),
    (1, {"noShuffle": 1}, "got 1: Input should be a valid boolean."),
    (1, {"lr": 0}, "got 0: Input should be greater than 0 or 'auto'."),
    (1, {"model": None}, "got none: Field required (the built-in model is blocktune's alone: name a folder)."),
    (1, {"epochs": 2}, "expected steps or epochs in "),
    (1, {"selection": "blocks.json"}, "expected selection or budget in "),
    (1, {"patience": 3}, "expected eval beside patience of "),
    (1, {"eval": "0"}, "expected eval to be a file or a share above 0 and below 1, got 0: write 5% or 0.05."),
    (
        1,
        {"lr": "auto"},
        "got auto for 10 steps: blocktune finds it by trial, this engine does not. Give the `lr`",
    ),
    (1, {"lr": None, "steps": 200, "eval": "20%"}, "the share of the targets that trains): --lr 0.00021 here."),
    (1, {"base": "q8_0"}, "a base is not converted to other formats here"),
    (1, {"model": "nowhere"}, "expected a model at nowhere, got "),
    (
        1,
        {"data": None},
        "expected rows, got neither --rows nor data in the recipe: write them with `blocktune rows --out rows.jsonl`.",
    ),
    (1, {"block": 32}, "got 32 for model.layers.0.self_attn.q_proj.weight [48, 48]: use 16, or auto."),
    (1, {"budget": "1e9b"}, "expected a budget of 1 to "),
    (1, {"budget": "1%,2%"}, "expected a budget, got 1%,2%: write 0.84% of the model"),
    (1, {"budget": "1.5b"}, "got 1.5b, which is 1.5: write 0.84% of the model"),
    (1, {"budget": "=5%"}, "expected a budget, got =5%: write 0.84% of the model"),
    (1, {"budget": None, "selection": "nowhere.json"}, "in nowhere.json, got none"),
    (
        1,
        {"budget": None, "adapter": "nowhere"},
        "expected adapter_config.json in nowhere, got no such file: name an adapter folder",
    ),
]


@pytest.mark.parametrize(("processes", "settings", "said"), BAD)
def test_bad_input_has_a_cure(recipe: Any, processes: int, settings: dict[str, Any], said: str) -> None:
    error = train(processes, recipe(**settings), fails=True)
    assert said in error
    assert error.count("blocktune: expected") == 1  # said once, not by every process
    assert "Traceback" not in error


def test_blocks_of_another_model_are_refused(tmp_path: Path, recipe: Any) -> None:
    blocks = {"block": 8, "blocks": [{"layer": 0, "module": "k_proj", "row": 2, "col": 0}]}
    (tmp_path / "blocks.json").write_text(json.dumps(blocks))
    error = train(1, recipe(), "--selection", tmp_path / "blocks.json", fails=True)
    assert "expected blocks of 8 inside model.layers.0.self_attn.k_proj.weight [16, 48], got (2, 0)" in error
    assert "Select again on this one." in error


def test_an_adapter_of_another_model_is_refused(tmp_path: Path, recipe: Any) -> None:
    train(1, recipe(), "--out", tmp_path / "a")
    error = train(1, recipe("other.json", family="mistral", budget=None, adapter=str(tmp_path / "a")), fails=True)
    assert error.count("blocktune: expected") == 1 and "it was trained on another one. Load its own base." in error


def test_what_is_in_the_way_is_not_written_over(tmp_path: Path, recipe: Any) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    assert "to be new or empty" in train(1, recipe(), "--out", tmp_path / "out", fails=True)
    assert os.listdir(tmp_path / "out") == ["mine"]


def test_another_run_is_not_gone_on_with(tmp_path: Path, recipe: Any) -> None:
    train(1, recipe(checkpointEvery=4), "--out", tmp_path / "a")
    error = train(1, recipe(checkpointEvery=4, betas=[0.8, 0.95]), "--out", tmp_path / "a", "--resume", fails=True)
    assert "expected the same betas as in" in error and "start anew in another --out" in error


ROWS = ['{"text": "a"}', '{"input_ids": [1, 2], "labels": [1]}', '{"input_ids": [1, 99999]}', "none"]


@pytest.mark.parametrize("row", [*ROWS, '{"input_ids": [1, 2], "completion_mask": [0, 1]}'])
def test_rows_of_another_form_are_refused_with_their_place(tmp_path: Path, recipe: Any, row: str) -> None:
    (tmp_path / "bad.jsonl").write_text('{"input_ids": [1, 2]}\n' + row + "\n")
    error = train(1, recipe(), "--rows", tmp_path / "bad.jsonl", fails=True)
    assert f"{tmp_path / 'bad.jsonl'}:2" in error and "blocktune rows --out" in error
