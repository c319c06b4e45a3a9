"""`torchrun -m blocktune.train RECIPE.json`: a saved recipe over many processes. Tells what `blocktune train --json` tells.

The story of a run: open it (run.py), choose blocks or take them (choosing.py), train them (loop.py), save the adapter. Every process
walks through it; process 0 alone speaks and writes.
"""

import argparse
import signal
import sys
import warnings

import torch.distributed as dist

from . import lines, loop, smt
from .adapter import save_adapter
from .choosing import choose, rate
from .recipe import read_recipe
from .run import join, open_run

OF_THE_COMMAND = {"recipe", "fsdp", "shard_blocks", "resume"}


def main(words: list[str] | None = None) -> int:
    """Runs the command; answers the exit code."""
    o = _options(words)
    device = join()
    signal.signal(signal.SIGINT, loop.stop)
    signal.signal(signal.SIGTERM, loop.stop)
    warnings.showwarning = lambda message, *_, **__: lines.say({"kind": "warning", "text": str(message)})
    flags = {name: value for name, value in vars(o).items() if value is not None and name not in OF_THE_COMMAND}
    try:
        r = read_recipe(o.recipe, flags)
        run = open_run(r, device, fsdp=o.fsdp, sharded=o.shard_blocks, resume=o.resume)
        selection = choose(run)
        told = smt.selection_line(run.whole, selection, r.targets)
        lines.say(told)
        ended = loop.train(run, selection, rate(run, told["share_targets"]))
        lines.say(lines.blocks_update(run.whole, selection["blocks"]))
        if r.out:
            write = dist.get_rank() == 0
            save_adapter(run.whole, r.out, targets=r.targets, score=r.score, budget=r.budget, seed=r.seed, write=write)
        lines.say({"kind": "done", "out": str(r.out) if r.out else None, **ended, "made": "adapter"})
        return 130 if loop.interrupts else 0
    except (ValueError, FileNotFoundError) as e:
        if dist.get_rank() == 0:
            print(f"blocktune: {e}", file=sys.stderr, flush=True)
        return 1
    finally:
        dist.destroy_process_group()


def _options(words: list[str] | None) -> argparse.Namespace:
    """The words of the command line; a flag that stands for a setting of the recipe has its name."""
    about = "Train by a recipe that `blocktune train --save-recipe` wrote."
    p = argparse.ArgumentParser(prog="torchrun -m blocktune.train", description=about)
    p.add_argument("recipe", help="the recipe (JSON)")
    p.add_argument("--rows", dest="data", nargs=1, help="rows as `blocktune rows --out` wrote them (default: the recipe's data)")
    p.add_argument("--eval-rows", dest="eval", help="held-out rows of that form (default: the recipe's eval)")
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


if __name__ == "__main__":
    sys.exit(main())
