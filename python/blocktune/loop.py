"""The steps of a run: gradients over all processes, the update, evaluation with early stopping, checkpoints, and the lines of it."""

import contextlib
import math
import time
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor
from torch.distributed.tensor import distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from . import checkpoint, lines
from .model import share_blocks
from .optimizer import MOMENTS, clipped, lr_at, optimizer_of, warmup_steps
from .rows import Row, collate, share_of, targets_in
from .run import Run, identity
from .smt import SmtLinear, smt_layers

interrupts: list[int] = []


def stop(number: int, _frame: Any) -> None:
    """A signal was heard: the run stops at its next step."""
    interrupts.append(number)


def train(run: Run, selection: dict[str, Any], peak: float) -> dict[str, Any]:
    """Trains the blocks that are on the model, from a checkpoint where one was found; answers what the line `done` tells of it."""
    r, layers = run.recipe, smt_layers(run.whole)
    if run.mesh:
        share_blocks(layers.values(), run.mesh, run.sharded)
    params = [layer.delta for layer in layers.values()]
    plan = lines.plan("train", run.whole, sum(p.numel() for p in params), lines.held(params), len(MOMENTS[r.optimizer]))
    lines.say(plan)
    planned = plan["bytes"]
    bases = [_decays_with(layer, r.decayToward) for layer in layers.values()] if r.weightDecay else []
    optimizer = optimizer_of(layers.values(), r.optimizer, r.betas, r.eps, r.muonScale)
    state = {f"{path}.delta": layer.delta.data for path, layer in layers.items()}
    best = {f"{name}.best": value.clone() for name, value in state.items() if r.patience and run.held}
    for path, layer in layers.items():
        state |= {f"{path}.{name}": value for name, value in optimizer.state[layer.delta].items()}
    at = _resumed(run, state | best) or {"step": 0, "selection": selection, "of": identity(run), "best": None, "worse": 0}
    shared = _shared(run)
    rise, began = warmup_steps(r.lrWarmup, run.steps), at["step"]
    skips, seconds, tokens, saved = 0, 0.0, 0, time.monotonic()
    while at["step"] < run.steps and not (r.patience and at["worse"] >= r.patience):
        start, t = time.monotonic(), at["step"]
        lr = lr_at(t, run.steps, peak, r.schedule, rise)
        loss, targets, read = _gradients(run, shared, t)
        norm = clipped(params, r.clip)
        loss, interrupted, minute = _agreed(run, loss, start - saved > 60)
        sound = math.isfinite(loss) and math.isfinite(norm)
        if sound:
            for delta, base in zip(params, bases, strict=False):  # none, where nothing decays
                delta.data.sub_(lr * r.weightDecay * (base + delta.data))
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        at["step"] = step = t + 1
        ms = 1000 * (time.monotonic() - start)
        seconds, tokens, skips = seconds + ms / 1000, tokens + read, 0 if sound else skips + 1
        told = {"loss": loss / targets, "lr": lr, "grad_norm": norm, "tokens": targets, "input_tokens": read, "ms": ms}
        lines.say({"kind": "step", "step": step, **told, "skipped": not sound})
        if t == began:
            lines.say(lines.memory("train", planned["total"], run.whole, optimizer))
        optimizer.zero_grad()
        if skips >= r.maxSkips:
            cure = "lower the rate, raise lrWarmup, or look at the rows of those steps."
            raise ValueError(f"expected gradients of finite numbers, got {skips} steps in a row without: {cure}")
        if run.held and (step % (r.evalEvery or run.order.steps_per_epoch) == 0 or step == run.steps) and _evaluate(run, at):
            for name, value in best.items():
                value.copy_(state[name.removesuffix(".best")])
        due = minute if r.checkpointEvery is None else bool(r.checkpointEvery and step % r.checkpointEvery == 0)
        if r.out and (due or interrupted):
            checkpoint.save(r.out / "checkpoints", state | best, at, r.keep)
            saved = time.monotonic()
        if interrupted:
            break
    for name, value in best.items() if at["best"] is not None else ():
        state[name.removesuffix(".best")].copy_(value)
    if run.held:
        lines.say(lines.memory("eval", planned["total"] - planned["gradients"], run.whole, optimizer))
    return {"steps": at["step"], "seconds": seconds, "tokens_per_second": tokens / max(seconds, 1e-9)}


def _decays_with(layer: SmtLinear, toward: str) -> Tensor | float:
    """What decays beside a difference, lying as it does: the base's values in its blocks, which the model sees with it, or nothing."""
    delta: Any = layer.delta
    if toward == "base":
        return 0.0
    base, mesh = layer.base_blocks(), getattr(delta, "device_mesh", None)
    return distribute_tensor(base, mesh, delta.placements) if mesh else base


def _resumed(run: Run, state: dict[str, Tensor]) -> dict[str, Any] | None:
    """Where the run of a checkpoint stood, its tensors read into this one's; it must be of the same recipe and rows."""
    if not run.found:
        return None
    place, at = run.found
    if other := [key for key, value in identity(run).items() if value != at["of"].get(key)]:
        cure = "resume with the same recipe and rows, or start anew in another --out."
        raise ValueError(f"expected the same {', '.join(other)} as in {place}, got another: {cure}")
    dcp.load(state, checkpoint_id=place)
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
    step, world = run.order.step(t), dist.get_world_size()
    rows = [run.rows[i] for micro in step for i in micro]
    targets = sum(map(targets_in, rows))
    mine = share_of(step, run.order, dist.get_rank(), world)
    total = torch.zeros((), device=run.device)
    for i, micro in enumerate(mine):
        waits = shared.no_sync() if shared and i < len(mine) - 1 else contextlib.nullcontext()
        with waits:  # gradients are reduced once a step, with its last micro-batch
            loss = (shared or run.whole)(_batch(run, [run.rows[j] for j in micro])).sum()
            (loss * (world if shared else 1) / targets).backward()  # DDP takes the mean over processes
        total += loss.detach()
    return float(total), targets, sum(len(row["input_ids"]) for row in rows)


def _batch(run: Run, rows: list[Row]) -> dict[str, Tensor]:
    return {name: values.to(run.device) for name, values in collate(rows).items()}


def _agreed(run: Run, loss: float, due: bool) -> tuple[float, bool, bool]:
    """The loss over all processes; whether any was told to stop, and whether the first one's clock says it is time to save."""
    said = torch.tensor([loss, float(bool(interrupts)), float(due and dist.get_rank() == 0)], device=run.device)
    dist.all_reduce(said)
    return float(said[0]), bool(said[1] > 0), bool(said[2] > 0)


@torch.no_grad()
def _evaluate(run: Run, at: dict[str, Any]) -> bool:
    """Loss of the held-out rows, each process some; whether it is the best so far."""
    rank, world, batch = dist.get_rank(), dist.get_world_size(), run.recipe.batch
    sums = torch.zeros(2, dtype=torch.float64, device=run.device)
    for first in range(rank * batch, len(run.held) + rank * batch, batch * world):
        losses = run.whole(_batch(run, run.held[first : first + batch]))
        sums += torch.tensor([losses.double().sum(), len(losses)], dtype=torch.float64, device=run.device)
    dist.all_reduce(sums)
    loss, tokens = float(sums[0] / sums[1]), int(sums[1])
    lines.say({"kind": "eval", "step": at["step"], "loss": loss, "perplexity": math.exp(loss), "tokens": tokens})
    better = at["best"] is None or loss < at["best"]
    at.update({"best": loss, "worse": 0} if better else {"worse": at["worse"] + 1})
    return better
