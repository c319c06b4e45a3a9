"""What a run tells, one JSON object a line: the lines of `blocktune train --json`. Process 0 alone speaks.

Bytes are those of one device. PyTorch's allocator plans no activations, so that `plan` counts what stays for the whole run, the rest
of its keys is 0, and `memory` is the tensors that were there after the first step or, on CUDA, the peak.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from .linear import SmtLinear
from .selection import MODULES, targets_of

OTHER = ["activations", "temporaries", "logits", "kv", "staging", "other"]


def say(line: dict[str, Any]) -> None:
    if dist.get_rank() == 0:
        print(json.dumps(line), file=sys.stderr if line["kind"] == "warning" else sys.stdout, flush=True)


def held(tensors: Iterable[Tensor | None]) -> int:
    """Bytes of tensors on this process, of a tensor that is cut those of its part."""
    locals_ = [t.to_local() if isinstance(t, DTensor) else t for t in tensors if t is not None]
    return sum(t.nbytes for t in locals_)


def plan(program: str, model: nn.Module, trainable: int, trained: int, moments: int, *, bound: bool = False) -> dict[str, Any]:
    """The bytes of a program: frozen weights as they are, trained blocks in f32 with a gradient and so many moments each."""
    weights = held(p for name, p in model.named_parameters() if not name.endswith(".delta"))
    sizes = {
        "weights": weights,
        "trained": trained,
        "gradients": trained,
        "moments": moments * trained,
        **dict.fromkeys(OTHER, 0),
    }
    sizes["total"] = sum(sizes.values())
    return {"kind": "plan", "program": program, "bytes": sizes, "trainable": trainable, "bound": bound}


def memory(program: str, planned: int, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Any]:
    """What a program holds after a step, beside what was planned."""
    if torch.cuda.is_available():
        allocated = torch.cuda.max_memory_allocated()
    else:
        params = list(model.parameters())
        states = optimizer.state.values() if optimizer else []
        moments = [value for state in states for value in state.values() if value.ndim]
        allocated = held([*params, *(p.grad for p in params), *moments])
    return {"kind": "memory", "program": program, "planned": planned, "allocated": allocated}


def warmup(heard: list[tuple[float, int, float]], weighed: dict[str, Any]) -> None:
    """The lines of a warm-up from what each process heard of its batches: loss, targets, milliseconds. weighed: its line `memory`."""
    every: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(every, heard)
    turns = [one[i] for i in range(max(map(len, every))) for one in every if i < len(one)]
    for step, (loss, tokens, ms) in enumerate(turns, 1):
        say({"kind": "warmup", "step": step, "loss": loss, "tokens": tokens, "ms": ms})
        if step == 1:
            say(weighed)


def blocks_update(model: nn.Module, layers: dict[str, SmtLinear], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The norm of all differences, and each block's share of its square, in the order of the selection."""
    known = {t.path: (t.layer, t.module) for t in targets_of(model, MODULES)}
    squares: dict[tuple[Any, ...], float] = {}
    for path, layer in layers.items():
        delta = layer.delta.full_tensor() if isinstance(layer.delta, DTensor) else layer.delta
        of_blocks = delta.detach().double().square().sum((1, 2)).tolist()
        squares |= {(*known[path], *place): square for place, square in zip(layer.index, of_blocks, strict=True)}
    whole = sum(squares.values())
    moved = []
    for block in blocks:
        place = {key: block[key] for key in ("layer", "module", "row", "col")}
        moved.append({**place, "share": squares[tuple(place.values())] / whole if whole else 0})
    return {"kind": "blocks_update", "norm": whole**0.5, "blocks": moved}
