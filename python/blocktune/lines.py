"""What a run tells, one JSON object a line: the lines of `blocktune train --json`. Process 0 alone speaks.

Bytes are those of one device. PyTorch's allocator plans no activations, so that `plan` counts what stays for the whole run, the rest
of its keys is 0, and `memory` is the tensors that were there after the first step or, on CUDA, the peak.
"""

import json
import sys
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from .linear import full
from .smt import selection_on, smt_layers

OTHER = ["activations", "temporaries", "logits", "kv", "staging", "other"]


def say(line: dict[str, Any]) -> None:
    if dist.get_rank() == 0:
        print(json.dumps(line), file=sys.stderr if line["kind"] == "warning" else sys.stdout, flush=True)


def held(tensors: Iterable[Tensor | None]) -> int:
    """Bytes of tensors on this process, of a tensor that is cut those of its part."""
    return sum((t.to_local() if isinstance(t, DTensor) else t).nbytes for t in tensors if t is not None)


def plan(program: str, model: nn.Module, trainable: int, trained: int, moments: int, *, bound: bool = False) -> dict[str, Any]:
    """The bytes of a program: frozen weights as they are, trained blocks in f32 with a gradient and so many moments each."""
    weights = held(p for name, p in model.named_parameters() if not name.endswith(".delta"))
    sizes = {"weights": weights, "trained": trained, "gradients": trained, "moments": moments * trained}
    sizes |= dict.fromkeys(OTHER, 0)
    sizes["total"] = sum(sizes.values())
    return {"kind": "plan", "program": program, "bytes": sizes, "trainable": trainable, "bound": bound}


def memory(program: str, planned: int, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Any]:
    """What a program holds after a step, beside what was planned."""
    if torch.cuda.is_available():
        allocated = torch.cuda.max_memory_allocated()
    else:
        params = list(model.parameters())
        moments = [m for state in (optimizer.state.values() if optimizer else ()) for m in state.values() if m.ndim]
        allocated = held([*params, *(p.grad for p in params), *moments])
    return {"kind": "memory", "program": program, "planned": planned, "allocated": allocated}


def blocks_update(model: nn.Module, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The norm of all differences, and each block's share of its square, in the order of the selection."""
    squares = torch.cat([full(layer.delta).double().square().sum((1, 2)) for layer in smt_layers(model).values()]).tolist()
    keys = ("layer", "module", "row", "col")
    place = itemgetter(*keys)
    of_place = {place(block): square for block, square in zip(selection_on(model)["blocks"], squares, strict=True)}
    whole = sum(squares)
    shares = [of_place[place(block)] / whole if whole else 0 for block in blocks]
    moved = [{**dict(zip(keys, place(block), strict=True)), "share": share} for block, share in zip(blocks, shares, strict=True)]
    return {"kind": "blocks_update", "norm": whole**0.5, "blocks": moved}
