"""Puts the blocks of a run on its model: those of a checkpoint, an adapter or a file, or those that a warm-up finds."""

import math
import time
from collections.abc import Iterator
from typing import Any

import torch.distributed as dist
from torch import Tensor

from . import lines, smt
from .adapter import load_adapter
from .budget import blocks_by_group
from .optimizer import MOMENTS, lr_by_rule
from .rows import collate
from .run import Run
from .selection import MODULES, block_edge, matrix_parameters, targets_of


def choose(run: Run, chosen: dict[str, Any] | None) -> dict[str, Any]:
    """Answers the selection, which the model then has. chosen: a checkpoint's."""
    r = run.recipe
    if r.adapter and not chosen:
        load_adapter(run.whole, r.adapter)
        return _selection_on(run)
    if not chosen and r.selection:
        chosen = smt.read_selection(r.selection)
    if not chosen:
        trainable, within = _bought(run)
        rate(run, trainable / within)  # where there is none, that is said before the warm-up
        lines.say(lines.plan("train", run.whole, trainable, 4 * trainable, MOMENTS[r.optimizer], bound=True))
        maps = _warm_up(run)
        chosen = smt.select(run.whole, maps, budget=r.budget, block=r.block, targets=run.targets, spread=r.spread, kappa=r.kappa)
    smt.prepare(run.whole, chosen)
    return chosen


def rate(run: Run, share: float) -> float:
    """The peak learning rate: as given, or for a run that is too short for trials by rule. share: of the targets that trains."""
    lr, by_rule = run.recipe.lr, lr_by_rule(share)
    if isinstance(lr, int | float):
        return lr
    trial = min(10, int(0.024 * run.steps))
    judges = run.held or len(run.rows) >= trial * run.recipe.batch * run.recipe.accumulate + 8
    if lr == "auto" or (trial >= 4 and judges):
        raise ValueError(
            f"expected a learning rate, got {lr or 'none'} for {run.steps} steps: blocktune finds it by trial, this engine does not. "
            "Give the `lr` that its line `rates` told, by --lr or in the recipe, or else the rate by rule, "
            f"1e-3 x sqrt(0.0086 / the share of the targets that trains): --lr {by_rule:g} here."
        )
    return by_rule


def _bought(run: Run) -> tuple[int, int]:
    """Elements that the budget will train, and those of the targets."""
    found = targets_of(run.whole, run.targets)
    b = block_edge(found, run.recipe.block)
    blocks = sum(count for _, count in blocks_by_group(found, run.recipe.budget, b, matrix_parameters(run.whole)))
    return blocks * b * b, sum(t.rows * t.cols for t in found)


def _selection_on(run: Run) -> dict[str, Any]:
    """The blocks that are on the model, as a selection without scores."""
    known = {t.path: t for t in targets_of(run.whole, MODULES)}
    blocks, edge = [], 0
    for path, layer in smt.smt_layers(run.whole).items():
        t, edge = known[path], layer.block
        blocks += [{"layer": t.layer, "module": t.module, "row": row, "col": col, "score": 0.0} for row, col in layer.index]
    return {"block": edge, "blocks": blocks}


def _warm_up(run: Run) -> dict[str, Tensor]:
    r = run.recipe
    heard: list[tuple[float, int, float]] = []
    began = time.monotonic()

    def hear(loss: float, count: int) -> None:
        nonlocal began
        now = time.monotonic()
        heard.append((loss, count, 1000 * (now - began)))
        began = now

    planned = lines.plan("warmup", run.whole, 0, 0, 0)
    reads = r.select in ("gradient", "activation")
    if reads:
        lines.say(planned)
    maps = smt.score(
        run.whole, _batches(run), score=r.score, select=r.select, targets=run.targets, block=r.block, seed=r.seed, heard=hear
    )
    if reads:
        lines.warmup(heard, lines.memory("warmup", planned["bytes"]["total"], run.whole))
    return maps


def _batches(run: Run) -> Iterator[dict[str, Tensor] | None]:
    """This process's micro-batches of the frozen warm-up; None where the others have one more."""
    rank, world = dist.get_rank(), dist.get_world_size()
    steps = min(run.recipe.warmupSteps, math.ceil(len(run.rows) / run.recipe.batch))
    micro = run.order.micro_batches()
    for first in range(0, steps, world):
        turn = [next(micro) for _ in range(world)]
        yield collate([run.rows[i] for i in turn[rank]]) if first + rank < steps else None
