"""`torchrun -m blocktune.train RECIPE.json`: a saved recipe over many processes. Tells what `blocktune train --json` tells.

The story of a run: read the recipe and the rows, load the base and share it, choose blocks or take them, train them, save the adapter.
Every process walks through it; process 0 alone speaks and writes. The steps are in loop.py.
"""

import argparse
import math
import signal
import sys
import warnings
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

from . import checkpoint, lines, loop, smt
from .adapter import said_by
from .choosing import choose, rate
from .model import load_base, recompute, share_base
from .recipe import read_recipe
from .rows import Order
from .run import Run, check_place, check_processes, join, open_rows


def main(words: list[str] | None = None) -> int:
    """Runs the command; answers the exit code."""
    o = _options(words)
    device = join()
    signal.signal(signal.SIGINT, loop.stop)
    signal.signal(signal.SIGTERM, loop.stop)
    warnings.showwarning = lambda message, *_, **__: lines.say({"kind": "warning", "text": str(message)})
    try:
        return _go(o, device)
    except (ValueError, FileNotFoundError) as e:
        if dist.get_rank() == 0:
            print(f"blocktune: {e}", file=sys.stderr, flush=True)
        return 1
    finally:
        dist.destroy_process_group()


def _options(words: list[str] | None) -> argparse.Namespace:
    about = "Train by a recipe that `blocktune train --save-recipe` wrote."
    p = argparse.ArgumentParser(prog="torchrun -m blocktune.train", description=about)
    p.add_argument("recipe", help="the recipe (JSON)")
    p.add_argument("--rows", help="rows as `blocktune rows --out` wrote them (default: the recipe's data)")
    p.add_argument("--eval-rows", help="held-out rows of that form (default: the recipe's eval)")
    p.add_argument("--selection", help="train these blocks (default: the recipe's, else they are chosen by a warm-up)")
    p.add_argument("--out", help="adapter folder to write, with checkpoints under it")
    p.add_argument("--lr", type=float, help="peak learning rate (default: the recipe's, else by rule for a short run)")
    length = p.add_mutually_exclusive_group()
    length.add_argument("--steps", type=int, help="optimizer steps (default: the recipe's, else one epoch)")
    length.add_argument("--epochs", type=float, help="the same in passes over the rows")
    p.add_argument(
        "--fsdp", action="store_true", help="cut the frozen base among the processes (FSDP2); default: whole on each (DDP)"
    )
    p.add_argument("--shard-blocks", action="store_true", help="with --fsdp: cut the trained blocks and their moments too")
    p.add_argument(
        "--resume", action="store_true", help="go on from the newest checkpoint under --out, on any number of processes"
    )
    o = p.parse_args(words)
    if o.shard_blocks and not o.fsdp:
        p.error("expected --fsdp beside --shard-blocks, got none; give it")
    if o.resume and not o.out:
        p.error("expected --out beside --resume, got none; give the folder of the run")
    return o


def _go(o: argparse.Namespace, device: torch.device) -> int:
    data = [o.rows] if o.rows else None
    flags = {
        "lr": o.lr,
        "steps": o.steps,
        "epochs": o.epochs,
        "selection": o.selection,
        "out": o.out,
        "data": data,
        "eval": o.eval_rows,
    }
    recipe = read_recipe(o.recipe, {name: value for name, value in flags.items() if value is not None})
    if recipe.adapter:
        said = said_by(recipe.adapter)
        recipe.targets, recipe.score, recipe.budget = said["targets"], said["score"], said["budget"]
    out = Path(recipe.out) if recipe.out else None
    check_place(out, resume=o.resume)
    check_processes(recipe)
    found = checkpoint.newest(out / "checkpoints") if out and o.resume else None
    model = load_base(recipe.model, recipe.base)
    rows, held = open_rows(recipe, model.config.get_text_config().vocab_size)
    if recipe.recompute == "on":
        recompute(model)
    mesh = init_device_mesh(device.type, (dist.get_world_size(),)) if o.fsdp else None
    order = Order(len(rows), recipe.batch, recipe.accumulate, not recipe.noShuffle, recipe.seed)
    steps = recipe.steps or max(1, math.ceil((recipe.epochs or 1) * order.steps_per_epoch - 1e-9))
    targets: list[str] = [*(recipe.targets or ("q", "k", "v"))]
    run = Run(recipe, targets, rows, held, share_base(model, device, mesh), order, steps, device, mesh, o.shard_blocks, out)
    selection = choose(run, found[1]["selection"] if found else None)
    told = smt.selection_line(run.whole, selection, run.targets)
    lines.say(told)
    loop.train(run, selection, rate(run, told["share_targets"]), found)
    return 130 if loop.interrupts else 0


if __name__ == "__main__":
    sys.exit(main())
