"""Puts the blocks of a run on its model: those of a checkpoint, an adapter or a file, or those that a warm-up finds; and its rate."""

import math
import time
from collections.abc import Iterator
from typing import Any

import torch.distributed as dist
from torch import Tensor

from . import lines, smt
from .adapter import load_adapter
from .optimizer import MOMENTS, lr_by_rule
from .rows import collate
from .run import Run
from .targets import block_edge, bought, elements, targets_of


def choose(run: Run) -> dict[str, Any]:
    """Answers the selection, which the model then has."""
    r = run.recipe
    if run.found:
        chosen = run.found[1]["selection"]
    elif r.adapter:
        return smt.selection_on(load_adapter(run.whole, r.adapter))
    elif r.selection:
        chosen = smt.read_selection(r.selection)
    else:
        chosen = _by_warm_up(run)
    smt.prepare(run.whole, chosen)
    return chosen


def rate(run: Run, share: float) -> float:
    """The peak learning rate: as given, or by rule where too little is there to try any. share: of the targets that trains."""
    r, by_rule = run.recipe, lr_by_rule(share)
    if isinstance(r.lr, float):
        return r.lr
    trial = min(10, int(0.024 * run.steps))  # steps of one, and rows beyond them that could judge it
    judged = bool(run.held) or len(run.rows) >= trial * r.batch * r.accumulate + 8
    if r.lr == "auto" or (trial >= 4 and judged):
        raise ValueError(
            f"expected a learning rate, got {r.lr or 'none'} for {run.steps} steps: blocktune finds it by trial, this engine does not. "
            "Give the `lr` that its line `rates` told, by --lr or in the recipe, or else the rate by rule, "
            f"1e-3 x sqrt(0.0086 / the share of the targets that trains): --lr {by_rule:g} here."
        )
    return by_rule


def _by_warm_up(run: Run) -> dict[str, Any]:
    """The blocks that the budget buys, by scores; what the run will need is told first."""
    r, whole = run.recipe, run.whole
    found = targets_of(whole, r.targets)
    edge = block_edge(found, r.block)
    trainable = sum(count for _, count in bought(whole, found, r.budget, edge)) * edge * edge
    rate(run, trainable / elements(found))  # where there is none, that is said before the warm-up
    lines.say(lines.plan("train", whole, trainable, 4 * trainable, len(MOMENTS[r.optimizer]), bound=True))
    plan = lines.plan("warmup", whole, 0, 0, 0)
    reads = r.select in ("gradient", "activation")
    if reads:
        lines.say(plan)
    heard: list[tuple[float, int, float]] = []
    clock = [time.monotonic()]

    def hear(loss: float, tokens: int) -> None:
        clock.append(time.monotonic())
        heard.append((loss, tokens, 1000 * (clock[-1] - clock[-2])))

    how: dict[str, Any] = {"targets": r.targets, "block": edge}
    maps = smt.score(whole, _batches(run), score=r.score, select=r.select, seed=r.seed, heard=hear, **how)
    if reads:
        _tell(heard, lines.memory("warmup", plan["bytes"]["total"], whole))
    return smt.select(whole, maps, budget=r.budget, spread=r.spread, kappa=r.kappa, **how)


def _batches(run: Run) -> Iterator[dict[str, Tensor]]:
    """This process's micro-batches of the frozen warm-up; an empty one where the others have one more."""
    rank, world = dist.get_rank(), dist.get_world_size()
    steps = min(run.recipe.warmupSteps, math.ceil(len(run.rows) / run.recipe.batch))
    micro = run.order.micro_batches()
    for first in range(0, steps, world):
        turn = [next(micro) for _ in range(world)]
        yield collate([run.rows[i] for i in turn[rank]] if first + rank < steps else [])


def _tell(heard: list[tuple[float, int, float]], weighed: dict[str, Any]) -> None:
    """The lines of a warm-up from what each process heard of its batches: loss, tokens, milliseconds. weighed: its line `memory`."""
    every: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(every, heard)
    turns = [one[i] for i in range(max(map(len, every))) for one in every if i < len(one)]
    for step, (loss, tokens, ms) in enumerate(turns, 1):
        lines.say({"kind": "warmup", "step": step, "loss": loss, "tokens": tokens, "ms": ms})
        if step == 1:
            lines.say(weighed)
