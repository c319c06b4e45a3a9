"""The steps of a run: gradients over all processes, the update, evaluation with early stopping, checkpoints, and the lines of it."""

import contextlib
import math
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from . import checkpoint, lines, smt
from .adapter import save_adapter
from .model import share_blocks
from .optimizer import MOMENTS, clipped, decay, lr_at, optimizer_of, warmup_steps
from .rows import Row, collate, share_of, targets_in
from .run import Run, identity

interrupts: list[int] = []


def stop(number: int, _frame: Any) -> None:
    """A signal was heard: the run stops at its next step."""
    interrupts.append(number)


def train(run: Run, selection: dict[str, Any], peak: float, found: tuple[Path, dict[str, Any]] | None) -> None:
    """Trains the blocks that are on the model, from a checkpoint where one was found, and saves the adapter."""
    r = run.recipe
    layers = smt.smt_layers(run.whole)
    if run.mesh:
        share_blocks(list(layers.values()), run.mesh, run.sharded)
    params = [layer.delta for layer in layers.values()]
    trainable = sum(p.numel() for p in params)
    plan = lines.plan("train", run.whole, trainable, lines.held(params), MOMENTS[r.optimizer])
    lines.say(plan)
    planned = plan["bytes"]
    bases: list[tuple[nn.Parameter, Tensor | float]] = []
    if r.weightDecay and r.decayToward == "base":
        bases = [(delta, 0.0) for delta in params]
    elif r.weightDecay:
        bases = [*_base_blocks(params, list(layers.values()))]
    optimizer = optimizer_of(layers.values(), r.optimizer, r.betas, r.eps, r.muonScale)
    state = {f"{path}.delta": layer.delta.data for path, layer in layers.items()}
    best = {f"{name}.best": value.clone() for name, value in state.items() if r.patience and run.held}
    for path, layer in layers.items():
        state |= {f"{path}.{name}": value for name, value in optimizer.state[layer.delta].items()}
    at = _resumed(run, state | best, found) or {"step": 0, "selection": selection, "of": identity(run), "best": None, "worse": 0}
    shared = _shared(run)
    rise, began = warmup_steps(r.lrWarmup, run.steps), at["step"]
    skips, seconds, tokens_read, saved = 0, 0.0, 0, time.monotonic()
    while at["step"] < run.steps and not (r.patience and at["worse"] >= r.patience):
        start, t = time.monotonic(), at["step"]
        lr = lr_at(t, run.steps, peak, r.schedule, rise)
        loss, targets, read = _gradients(run, shared, t)
        norm = clipped(params, r.clip)
        loss, interrupted, minute = _agreed(run, loss, start - saved > 60)
        sound = math.isfinite(loss) and math.isfinite(norm)
        if sound:
            decay(bases, lr * r.weightDecay)
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        weighed = lines.memory("train", planned["total"], run.whole, optimizer) if t == began else None
        optimizer.zero_grad()
        at["step"] = step = t + 1
        ms = 1000 * (time.monotonic() - start)
        told = {"loss": loss / targets, "lr": lr, "grad_norm": norm, "tokens": targets, "input_tokens": read, "ms": ms}
        lines.say({"kind": "step", "step": step, **told, "skipped": not sound})
        if weighed:
            lines.say(weighed)
        seconds, tokens_read, skips = seconds + ms / 1000, tokens_read + read, 0 if sound else skips + 1
        if skips >= r.maxSkips:
            cure = "lower the rate, raise lrWarmup, or look at the rows of those steps."
            raise ValueError(f"expected gradients of finite numbers, got {skips} steps in a row without: {cure}")
        if run.held and (step % (r.evalEvery or run.order.steps_per_epoch) == 0 or step == run.steps) and _evaluate(run, at):
            for name, value in best.items():
                value.copy_(state[name.removesuffix(".best")])
        due = minute if r.checkpointEvery is None else bool(r.checkpointEvery and step % r.checkpointEvery == 0)
        if run.out and (due or interrupted):
            checkpoint.save(run.out / "checkpoints", state | best, at, r.keep)
            saved = time.monotonic()
        if interrupted:
            break
    for name, value in best.items():
        if at["best"] is not None:
            state[name.removesuffix(".best")].copy_(value)
    if run.held:
        lines.say(lines.memory("eval", planned["total"] - planned["gradients"], run.whole, optimizer))
    lines.say(lines.blocks_update(run.whole, layers, selection["blocks"]))
    if run.out:
        first = dist.get_rank() == 0
        save_adapter(run.whole, run.out, targets=run.targets, score=r.score, budget=r.budget, seed=r.seed, write=first)
    out = str(run.out) if run.out else None
    rate = tokens_read / max(seconds, 1e-9)
    lines.say({"kind": "done", "out": out, "steps": at["step"], "seconds": seconds, "tokens_per_second": rate, "made": "adapter"})


def _resumed(run: Run, state: dict[str, Tensor], found: tuple[Path, dict[str, Any]] | None) -> dict[str, Any] | None:
    """Where the run of a checkpoint stood, its tensors read into this one's; it must be of the same recipe and rows."""
    if not found:
        return None
    place, at = found
    if other := [key for key, value in identity(run).items() if value != at["of"].get(key)]:
        cure = "resume with the same recipe and rows, or start anew in another --out."
        raise ValueError(f"expected the same {', '.join(other)} as in {place}, got another: {cure}")
    checkpoint.restore(place, state)
    return at


def _shared(run: Run) -> DistributedDataParallel | None:
    """The model whose gradients DDP reduces: those of the chosen blocks, as nothing else has one. None where there is no need."""
    if run.mesh or dist.get_world_size() == 1:
        return None
    buffers = [name for name, _ in run.whole.named_buffers()]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(run.whole, buffers)
    return DistributedDataParallel(run.whole, init_sync=False, gradient_as_bucket_view=True)


def _gradients(run: Run, shared: DistributedDataParallel | None, t: int) -> tuple[float, int, int]:
    """Forward and backward of this process's part of step t: its summed loss, and all processes' targets and tokens."""
    step = run.order.step(t)
    rows = [run.rows[i] for micro in step for i in micro]
    targets = sum(map(targets_in, rows))
    mine = share_of(step, run.order, dist.get_rank(), dist.get_world_size())
    total = torch.zeros((), device=run.device)
    for i, micro in enumerate(mine):
        waits = shared.no_sync() if shared and i < len(mine) - 1 else contextlib.nullcontext()
        with waits:  # gradients are reduced once a step, with its last micro-batch
            losses, _ = (shared or run.whole)(_batch(run, [run.rows[j] for j in micro]))
            loss = losses.sum()
            (loss * (dist.get_world_size() if shared else 1) / targets).backward()  # DDP takes the mean over processes
        total += loss.detach()
    return float(total), targets, sum(len(row["input_ids"]) for row in rows)


def _batch(run: Run, rows: list[Row]) -> dict[str, Tensor]:
    """Rows on the device; where a process has none left, one of which nothing is learned, so that it takes part."""
    idle: Row = {"input_ids": run.rows[0]["input_ids"][:1] * 2, "labels": [-100, -100]}
    return {name: values.to(run.device) for name, values in collate(rows or [idle]).items()}


def _agreed(run: Run, loss: float, due: bool) -> tuple[float, bool, bool]:
    """The loss over all processes; whether any was told to stop, and whether the first one's clock says it is time to save."""
    said = torch.tensor([loss, float(bool(interrupts)), float(due and dist.get_rank() == 0)], device=run.device)
    dist.all_reduce(said)
    return float(said[0]), bool(said[1] > 0), bool(said[2] > 0)


def _evaluate(run: Run, standing: dict[str, Any]) -> bool:
    """Loss of the held-out rows, each process some; whether it is the best so far."""
    rank, world, batch = dist.get_rank(), dist.get_world_size(), run.recipe.batch
    sums = torch.zeros(2, dtype=torch.float64)
    with torch.no_grad():
        for at in range(0, len(run.held), batch * world):
            losses, keep = run.whole(_batch(run, run.held[at + rank * batch : at + (rank + 1) * batch]))
            sums += torch.stack([losses.double().sum().cpu(), keep.sum().double().cpu()])
    sums = sums.to(run.device)
    dist.all_reduce(sums)
    loss, tokens = float(sums[0] / sums[1]), int(sums[1])
    lines.say({"kind": "eval", "step": standing["step"], "loss": loss, "perplexity": math.exp(loss), "tokens": tokens})
    better = standing["best"] is None or loss < standing["best"]
    standing.update({"best": loss, "worse": 0} if better else {"worse": standing["worse"] + 1})
    return better


def _base_blocks(params: list[nn.Parameter], layers: list[smt.SmtLinear]) -> list[tuple[nn.Parameter, Tensor]]:
    """Each difference beside the base's values in its blocks, lying as it does."""
    pairs = []
    for delta, layer in zip(params, layers, strict=True):
        base, mesh = layer.base_blocks(), getattr(delta, "device_mesh", None)
        pairs.append((delta, distribute_tensor(base, mesh, delta.placements) if mesh else base))  # type: ignore[attr-defined]
    return pairs
