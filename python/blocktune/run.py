"""What a run works with: recipe, rows, the shared model, and the processes; and the checks before anything is loaded."""

import dataclasses
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh

from .loss import Whole
from .recipe import Recipe
from .rows import Order, Row, hold_out, read_rows


@dataclasses.dataclass
class Run:
    """What a run works with."""

    recipe: Recipe
    targets: list[str]
    rows: list[Row]
    held: list[Row]
    whole: Whole
    order: Order
    steps: int
    device: torch.device
    mesh: DeviceMesh | None  # the base is cut over it; absent: it is whole on every process
    sharded: bool  # the trained blocks are cut too
    out: Path | None


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


def open_rows(recipe: Recipe, vocab_size: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows held out, a share of them or a file."""
    if not recipe.data:
        raise ValueError(
            "expected rows, got neither --rows nor data in the recipe: write them with `blocktune rows --out rows.jsonl`."
        )
    rows = [row for file in recipe.data for row in read_rows(file, recipe.maxLength, vocab_size)]
    held = recipe.eval
    if held is None:
        return rows, []
    if not (said := re.fullmatch(r"(\d*\.?\d+)(%?)", held.strip())):
        return rows, read_rows(held, recipe.maxLength, vocab_size)
    share = float(said[1]) / (100 if said[2] else 1)
    train, out = hold_out(len(rows), share, recipe.seed)
    return [rows[i] for i in train], [rows[i] for i in out]


def check_processes(recipe: Recipe) -> None:
    rows, world = recipe.batch * recipe.accumulate, dist.get_world_size()
    if rows % world:
        fit = ", ".join(str(n) for n in range(1, rows + 1) if rows % n == 0)
        of = f"the {rows} rows of a step (batch {recipe.batch} x accumulate {recipe.accumulate})"
        cure = f"start {fit}, or change batch or accumulate."
        raise ValueError(f"expected a number of processes that divides {of}, got {world}: {cure}")


def check_place(out: Path | None, *, resume: bool) -> None:
    if out and not resume and out.exists() and (not out.is_dir() or any(out.iterdir())):
        cure = "name another one, or go on from its checkpoints with --resume."
        raise ValueError(f"expected --out {out} to be new or empty, got something that is there: {cure}")


def identity(run: Run) -> dict[str, Any]:
    """What decides the figures of a run, for a resumed one to be held to."""
    apart = {"out", "keep", "checkpointEvery", "selection", "data", "eval", "model", "recompute"}
    settings = {key: value for key, value in dataclasses.asdict(run.recipe).items() if key not in apart}
    sums = {
        name: hashlib.sha256(json.dumps(rows).encode()).hexdigest() for name, rows in (("rows", run.rows), ("eval", run.held))
    }
    return json.loads(json.dumps({**settings, **sums}))
