"""What a run works with, opened: recipe, rows, the shared model, the processes. What cannot be is said before the model is loaded."""

import dataclasses
import hashlib
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from . import checkpoint
from .adapter import said_by
from .loss import Whole
from .model import load_base, recompute, share_base
from .recipe import Recipe
from .rows import Order, Row, hold_out, read_rows


@dataclasses.dataclass
class Run:
    """What a run works with."""

    recipe: Recipe
    rows: list[Row]
    held: list[Row]
    whole: Whole
    order: Order
    steps: int
    device: torch.device
    mesh: DeviceMesh | None  # the base is cut over it; absent: it is whole on every process
    sharded: bool  # the trained blocks are cut too
    found: tuple[Path, dict[str, Any]] | None  # the checkpoint that it goes on from, and where its run stood


def join() -> torch.device:
    """Joins the processes that torchrun started; alone it is the only one."""
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    if "RANK" in os.environ:
        dist.init_process_group(backend)
    else:
        dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    return device


def open_run(recipe: Recipe, device: torch.device, *, fsdp: bool, sharded: bool, resume: bool) -> Run:
    """Reads rows, adapter and checkpoint of a recipe, loads its base and shares it among the processes."""
    if recipe.adapter:
        said = said_by(recipe.adapter)
        recipe.targets, recipe.score, recipe.budget = said["targets"], said["score"], said["budget"]
    _check_place(recipe.out, resume=resume)
    _check_processes(recipe)
    found = checkpoint.newest(recipe.out / "checkpoints") if recipe.out and resume else None
    model = load_base(recipe.model, recipe.base)
    rows, held = _open_rows(recipe, model.config.get_text_config().vocab_size)
    if recipe.recompute == "on":
        recompute(model)
    mesh = init_device_mesh(device.type, (dist.get_world_size(),)) if fsdp else None
    order = Order(len(rows), recipe.batch, recipe.accumulate, not recipe.noShuffle, recipe.seed)
    steps = recipe.steps or max(1, math.ceil((recipe.epochs or 1) * order.steps_per_epoch - 1e-9))
    return Run(recipe, rows, held, share_base(model, device, mesh), order, steps, device, mesh, sharded, found)


def _check_place(out: Path | None, *, resume: bool) -> None:
    if out and not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        cure = "name another one, or go on from its checkpoints with --resume."
        raise ValueError(f"expected --out {out} to be new or empty, got something that is there: {cure}")


def _check_processes(recipe: Recipe) -> None:
    rows, world = recipe.batch * recipe.accumulate, dist.get_world_size()
    if rows % world:
        fit = ", ".join(str(n) for n in range(1, rows + 1) if rows % n == 0)
        of = f"the {rows} rows of a step (batch {recipe.batch} x accumulate {recipe.accumulate})"
        cure = f"start {fit}, or change batch or accumulate."
        raise ValueError(f"expected a number of processes that divides {of}, got {world}: {cure}")


def _open_rows(recipe: Recipe, vocab_size: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows held out, a share of them or a file."""
    if not recipe.data:
        cure = "write them with `blocktune rows --out rows.jsonl`."
        raise ValueError(f"expected rows, got neither --rows nor data in the recipe: {cure}")
    rows = [row for file in recipe.data for row in read_rows(file, recipe.maxLength, vocab_size)]
    if recipe.eval is None:
        return rows, []
    if not (said := re.fullmatch(r"(\d*\.?\d+)(%?)", recipe.eval.strip())):
        return rows, read_rows(recipe.eval, recipe.maxLength, vocab_size)
    train, out = hold_out(len(rows), float(said[1]) / (100 if said[2] else 1), recipe.seed)
    return [rows[i] for i in train], [rows[i] for i in out]


def identity(run: Run) -> dict[str, Any]:
    """What decides the figures of a run, for a resumed one to be held to."""
    apart = {"out", "keep", "checkpointEvery", "selection", "data", "eval", "model", "recompute"}
    settings = {key: value for key, value in dataclasses.asdict(run.recipe).items() if key not in apart}
    sums = {
        key: hashlib.sha256(json.dumps(rows).encode()).hexdigest() for key, rows in {"rows": run.rows, "eval": run.held}.items()
    }
    return json.loads(json.dumps({**settings, **sums}))
