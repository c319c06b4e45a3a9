"""What processes say to each other in a step, counted and timed: torchrun --nproc-per-node 2 tools/measure.py [STEPS]

A small Llama of random weights: chosen blocks (0.84 %) under DDP and FSDP2, and all of it (full) under DDP, over gloo. Bytes are those of
the tensors that are reduced or gathered. The share of communication is timed as steps of DDP that reduce less steps that do not, in turn
in one process, by their medians.
"""

import json
import statistics
import sys
import time
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import LlamaConfig, LlamaForCausalLM

from blocktune import smt
from blocktune.model import share_base, share_blocks

CONFIG = {
    "vocab_size": 2048,
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
}


def model_of(kind: str) -> Any:
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**CONFIG))  # type: ignore[arg-type]
    return model if kind == "full" else prepared(model)


def prepared(model: Any) -> Any:
    return smt.prepare(model, smt.select(model, smt.score(model, [], select="random", block=16), block=16))


def batch() -> dict[str, torch.Tensor]:
    ids = torch.randint(0, 2048, (4, 128))
    return {"input_ids": ids, "labels": ids}


def by_ddp(kind: str, steps: int) -> dict[str, Any]:
    """Bytes of the buckets that are reduced in a step, and seconds of a step with and without."""
    model = DistributedDataParallel(model_of(kind), gradient_as_bucket_view=True)
    counted: list[int] = []

    def hook(_state: object, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        counted.append(bucket.buffer().nbytes)
        return allreduce_hook(None, bucket)  # type: ignore[arg-type]

    model.register_comm_hook(None, hook)
    here = batch()
    times: dict[bool, list[float]] = {True: [], False: []}
    for step in range(2 * steps + 2):
        reduces = step % 2 == 0
        if reduces:
            counted.clear()
        model.require_backward_grad_sync = reduces  # what no_sync sets
        dist.barrier()
        began = time.perf_counter()
        model(**here).loss.backward()
        if step >= 2:
            times[reduces].append(time.perf_counter() - began)
        model.zero_grad()
    seconds, without = (statistics.median(times[key]) for key in (True, False))
    return {"reduced": sum(counted), "gathered": 0, "seconds": seconds, "share": max(0.0, 1 - without / seconds)}


class Counted(TorchDispatchMode):
    """Counts the bytes of collectives: of what is reduced, and of what is there once it is gathered."""

    def __init__(self) -> None:
        super().__init__()
        self.reduced = self.gathered = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = str(func)
        if name.startswith(("c10d.", "_c10d_functional.")) and "wait" not in name:
            largest = max((t.nbytes for t in tree_leaves((args, out)) if isinstance(t, torch.Tensor)), default=0)
            self.gathered += largest if "gather" in name else 0
            self.reduced += largest if "reduce" in name else 0
        return out


def by_fsdp(kind: str) -> dict[str, Any]:
    """The same counts of a step with the base cut, and with fsdp-blocks the blocks too."""
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    whole = prepared(share_base(model_of("full").requires_grad_(False), torch.device("cpu"), mesh))
    layers = list(smt.smt_layers(whole).values())
    share_blocks(layers, mesh, kind == "fsdp-blocks")
    whole(batch()).sum().backward()  # the first step also makes what later ones have
    whole.zero_grad()
    with Counted() as counted:
        whole(batch()).sum().backward()
    return {"reduced": counted.reduced, "gathered": counted.gathered}


def main(steps: int = 15) -> int:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    for kind in ("ddp", "full", "fsdp", "fsdp-blocks"):
        said = by_fsdp(kind) if kind.startswith("fsdp") else by_ddp(kind, steps)
        if dist.get_rank() == 0:
            print(json.dumps({"kind": kind, "processes": dist.get_world_size(), **said}), flush=True)
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
