"""`torchrun -m blocktune.train RECIPE.json`: a saved recipe over many processes. Tells what `blocktune train --json` tells.

The story of a run: read the recipe and the rows, load the base and share it, choose blocks or take them, train them, save the adapter.
Every process walks through it; process 0 alone speaks and writes.
"""

import argparse
import contextlib
import math
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from . import checkpoint, smt
from .adapter import load_adapter, said_by, save_adapter
from .loss import Whole
from .model import load_base, shard, spread_blocks
from .optimizer import clipped, decay, lr_at, optimizer_of, warmup_steps
from .recipe import Recipe, read_recipe
from .rows import Order, Row, collate, share_of, targets_in
from .run import Run, check_place, check_processes, identity, join, open_rows, say


def main(words: list[str] | None = None) -> int:
    """Runs the command; answers the exit code."""
    o = _options(words)
    device = join()
    signal.signal(signal.SIGINT, _stop)
    signal.signal(signal.SIGTERM, _stop)
    warnings.showwarning = lambda message, *_, **__: say({"kind": "warning", "text": str(message)})
    try:
        return _go(o, device)
    except (ValueError, FileNotFoundError) as e:
        if dist.get_rank() == 0:
            print(f"blocktune: {e}", file=sys.stderr, flush=True)
        return 1
    finally:
        dist.destroy_process_group()


def _options(words: list[str] | None) -> argparse.Namespace:
    p = argparse.ArgumentParser(prog="torchrun -m blocktune.train", description="Train by a recipe that `blocktune train --save-recipe` wrote.")
    p.add_argument("recipe", help="the recipe (JSON)")
    p.add_argument("--rows", help="rows as `blocktune rows --out` wrote them (default: the recipe's data)")
    p.add_argument("--eval-rows", help="held-out rows of that form (default: the recipe's eval)")
    p.add_argument("--selection", help="train these blocks (default: the recipe's, else they are chosen by a warm-up)")
    p.add_argument("--out", help="adapter folder to write, with checkpoints under it")
    p.add_argument("--lr", type=float, help="peak learning rate (default: the recipe's, else by rule for a short run)")
    p.add_argument("--fsdp", action="store_true", help="cut the frozen base among the processes (FSDP2); default: whole on each (DDP)")
    p.add_argument("--shard-blocks", action="store_true", help="with --fsdp: cut the trained blocks and their moments too")
    p.add_argument("--resume", action="store_true", help="go on from the newest checkpoint under --out, on any number of processes")
    o = p.parse_args(words)
    if o.shard_blocks and not o.fsdp:
        p.error("expected --fsdp beside --shard-blocks, got none; give it")
    if o.resume and not o.out:
        p.error("expected --out beside --resume, got none; give the folder of the run")
    return o


def _go(o: argparse.Namespace, device: torch.device) -> int:
    recipe = read_recipe(o.recipe)
    recipe.lr, recipe.selection = o.lr or recipe.lr, o.selection or recipe.selection
    recipe.out = o.out or recipe.out
    if recipe.adapter:
        recipe.targets, recipe.score, recipe.budget = said_by(recipe.adapter)
    out = Path(recipe.out) if recipe.out else None
    found = checkpoint.newest(out / "checkpoints") if out and o.resume else None
    check_place(out, resume=o.resume)
    check_processes(recipe)
    model = load_base(recipe.model, recipe.base)
    rows, held = open_rows(o, recipe, model.config.get_text_config().vocab_size)
    order = Order(len(rows), recipe.batch, recipe.accumulate, not recipe.noShuffle, recipe.seed)
    steps = recipe.steps or max(1, math.ceil((recipe.epochs or 1) * order.steps_per_epoch - 1e-9))
    mesh = init_device_mesh(device.type, (dist.get_world_size(),)) if o.fsdp else None
    if recipe.recompute == "on":
        model.config.attention_dropout = 0.0
        model.gradient_checkpointing_enable({"use_reentrant": False})
        for module in model.modules():  # what looks at `training` is checkpointing; nothing else here may
            module.training = not isinstance(module, nn.Dropout)
    whole = Whole(model)
    if mesh:
        shard(whole, mesh)
    run = Run(recipe, rows, held, whole.to(device) if not mesh else whole, order, steps, device, mesh, o.shard_blocks, out)
    selection = _choose(run, found[1]["selection"] if found else None)
    say(smt.selection_line(whole, selection, recipe.targets))
    return _train(run, selection, found)


# --- choosing -------------------------------------------------------------------------------------------------------------


def _choose(run: Run, chosen: dict[str, Any] | None) -> dict[str, Any]:
    """Puts the blocks on the model: those of a checkpoint, an adapter or a file, or those that a warm-up finds."""
    r = run.recipe
    if r.adapter and not chosen:
        load_adapter(run.whole, r.adapter)
        targets = {t.path: t for t in smt.targets_of(run.whole, r.targets)}
        layers = smt.smt_layers(run.whole)
        blocks = [{"layer": targets[path].layer, "module": targets[path].module, "row": row, "col": col, "score": 0.0}
                  for path, layer in layers.items() for row, col in layer.index]  # fmt: skip
        return {"block": next(iter(layers.values())).block, "blocks": blocks}
    if not chosen and r.selection:
        chosen = smt.read_selection(r.selection)
    if not chosen:
        heard: list[tuple[float, int]] = []
        maps = smt.score(run.whole, _warmup(run), score=r.score, select=r.select, targets=r.targets, block=r.block, seed=r.seed,
                         heard=lambda loss, count: heard.append((loss, count)))  # fmt: skip
        _tell_warmup(heard)
        chosen = smt.select(run.whole, maps, budget=r.budget, block=r.block, targets=r.targets, spread=r.spread, kappa=r.kappa)
    smt.prepare(run.whole, chosen)
    return chosen


def _warmup(run: Run) -> Iterator[dict[str, Tensor] | None]:
    """This process's micro-batches of the frozen warm-up; None where the others have one more."""
    rank, world = dist.get_rank(), dist.get_world_size()
    steps = min(run.recipe.warmupSteps, math.ceil(len(run.rows) / run.recipe.batch))
    micro = run.order.micro_batches()
    for first in range(0, steps, world):
        turn = [next(micro) for _ in range(world)]
        yield collate([run.rows[i] for i in turn[rank]]) if first + rank < steps else None


def _tell_warmup(heard: list[tuple[float, int]]) -> None:
    every: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(every, heard)
    turns = [one[i] for i in range(max(map(len, every))) for one in every if i < len(one)]
    for step, (loss, tokens) in enumerate(turns, 1):
        say({"kind": "warmup", "step": step, "loss": loss, "tokens": tokens})


# --- training -------------------------------------------------------------------------------------------------------------


def _train(run: Run, selection: dict[str, Any], found: tuple[Path, dict[str, Any]] | None) -> int:
    r = run.recipe
    layers = smt.smt_layers(run.whole)
    if run.mesh:
        spread_blocks(list(layers.values()), run.mesh, run.sharded)
    params = [layer.delta for layer in layers.values()]
    bases = _bases(layers.values()) if r.weightDecay else []
    optimizer = optimizer_of(layers.values(), r.optimizer, r.betas, r.eps, r.muonScale)
    peak, rise = r.lr or _rate_by_rule(run, params), warmup_steps(r.lrWarmup, run.steps)
    state = checkpoint.state_of(layers, optimizer)
    best = {f"{name}.best": value.clone() for name, value in state.items() if name.endswith(".delta") and r.patience and run.held}
    at = _resumed(run, state | best, found) or {"step": 0, "selection": selection, "of": identity(run), "best": None, "worse": 0}
    shared = _shared(run)
    skips, seconds, tokens_read, saved = 0, 0.0, 0, time.monotonic()
    while at["step"] < run.steps and not _spent(r, at):
        began, t = time.monotonic(), at["step"]
        lr = lr_at(t, run.steps, peak, r.schedule, rise)
        loss, targets, read = _gradients(run, shared, t)
        norm = clipped(params, r.clip)
        loss, interrupted, minute = _agreed(run, loss, began - saved > 60)
        sound = math.isfinite(loss) and math.isfinite(norm)
        if sound:
            decay(bases, lr * r.weightDecay)
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        optimizer.zero_grad()
        at["step"] = t + 1
        ms = 1000 * (time.monotonic() - began)
        say({"kind": "step", "step": t + 1, "loss": loss / targets, "lr": lr, "grad_norm": norm, "tokens": targets, "input_tokens": read,
              "ms": ms, "skipped": not sound})  # fmt: skip
        seconds, tokens_read, skips = seconds + ms / 1000, tokens_read + read, 0 if sound else skips + 1
        if skips >= r.maxSkips:
            raise ValueError(f"expected gradients of finite numbers, got {skips} steps in a row without: lower the rate, raise lrWarmup, or look at the rows of those steps.")
        if run.held and ((t + 1) % (r.evalEvery or run.order.steps_per_epoch) == 0 or t + 1 == run.steps) and _evaluate(run, at):
            for name, value in best.items():
                value.copy_(state[name.removesuffix(".best")])
        due = minute if r.checkpointEvery is None else bool(r.checkpointEvery and (t + 1) % r.checkpointEvery == 0)
        if run.out and (due or interrupted):
            checkpoint.save(run.out / "checkpoints", state | best, at, r.keep)
            saved = time.monotonic()
        if interrupted:
            break
    for name, value in best.items():
        if at["best"] is not None:
            state[name.removesuffix(".best")].copy_(value)
    if run.out:
        save_adapter(run.whole, run.out, targets=r.targets, score=r.score, budget=r.budget, seed=r.seed, write=dist.get_rank() == 0)
    out = str(run.out) if run.out else None
    say({"kind": "done", "out": out, "steps": at["step"], "seconds": seconds, "tokens_per_second": tokens_read / max(seconds, 1e-9)})
    return 130 if _interrupts else 0


def _spent(r: Recipe, at: dict[str, Any]) -> bool:
    """Whether patience has ended."""
    return bool(r.patience and at["worse"] >= r.patience)


def _shared(run: Run) -> DistributedDataParallel | None:
    """The model whose gradients DDP reduces: those of the chosen blocks, as nothing else has one. None where there is no need."""
    if run.mesh or dist.get_world_size() == 1:
        return None
    buffers = [name for name, _ in run.whole.named_buffers()]
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(run.whole, buffers)
    return DistributedDataParallel(run.whole, init_sync=False, gradient_as_bucket_view=True)


def _resumed(run: Run, state: dict[str, Tensor], found: tuple[Path, dict[str, Any]] | None) -> dict[str, Any] | None:
    """Where the run of a checkpoint stood, its tensors read into this one's; it must be of the same recipe and rows."""
    if not found:
        return None
    place, at = found
    if other := [key for key, value in identity(run).items() if value != at["of"].get(key)]:
        raise ValueError(f"expected the same {', '.join(other)} as in {place}, got another: resume with the same recipe and rows, or start anew in another --out.")
    checkpoint.restore(place, state)
    return at


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
    say({"kind": "eval", "step": standing["step"], "loss": loss, "perplexity": math.exp(loss), "tokens": tokens})
    better = standing["best"] is None or loss < standing["best"]
    standing.update({"best": loss, "worse": 0} if better else {"worse": standing["worse"] + 1})
    return better


def _agreed(run: Run, loss: float, due: bool) -> tuple[float, bool, bool]:
    """The loss over all processes; whether any was told to stop, and whether the first one's clock says it is time to save."""
    said = torch.tensor([loss, float(bool(_interrupts)), float(due and dist.get_rank() == 0)], dtype=torch.float32, device=run.device)
    dist.all_reduce(said)
    return float(said[0]), bool(said[1] > 0), bool(said[2] > 0)


def _bases(layers: Any) -> list[tuple[nn.Parameter, Tensor]]:
    """Each difference beside the base's values in its blocks, lying as it does."""
    pairs: list[tuple[nn.Parameter, Tensor]] = []
    for layer in layers:
        delta, base = layer.delta, layer.base_blocks()
        on = getattr(delta, "device_mesh", None)
        pairs.append((delta, distribute_tensor(base, on, delta.placements) if on else base))
    return pairs


def _rate_by_rule(run: Run, params: list[nn.Parameter]) -> float:
    """The rate of a run too short for trials: 1e-3 for 0.86 % of the targets, less by the root of how much more trains."""
    if int(0.024 * run.steps) >= 4:
        raise ValueError("expected a learning rate, got none, and of a run this long blocktune finds it by trial: give the `lr` that its line `rates` told, by --lr or in the recipe.")
    share = sum(p.numel() for p in params) / sum(t.rows * t.cols for t in smt.targets_of(run.whole, run.recipe.targets))
    return float(f"{1e-3 * math.sqrt(0.0086 / share):.2g}")


# --- around it ------------------------------------------------------------------------------------------------------------

_interrupts: list[int] = []


def _stop(number: int, _frame: Any) -> None:
    """The run stops at its next step."""
    _interrupts.append(number)


if __name__ == "__main__":
    sys.exit(main())
