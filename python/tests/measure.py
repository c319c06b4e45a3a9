"""What processes say to each other in a step, counted and timed: torchrun --nproc-per-node 2 tests/measure.py [STEPS]

A small Llama of random weights, chosen blocks (0.84 %) against all of it, under DDP over gloo. Bytes are those of the buckets that DDP
reduces. A step's communication is timed as steps that reduce less steps that do not, in turn in one process, by their medians.
"""

import json
import statistics
import sys
import time
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel
from transformers import LlamaConfig, LlamaForCausalLM

from blocktune import smt

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
    if kind == "smt":
        smt.prepare(model, smt.select(model, smt.score(model, [], select="random", block=16), block=16))
    return model


def reduced(kind: str, steps: int) -> dict[str, Any]:
    """Bytes that are reduced a step, what trains, and seconds of a step with and without."""
    model: nn.Module = DistributedDataParallel(model_of(kind), gradient_as_bucket_view=True)
    counted: list[int] = []

    def hook(_state: object, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        counted.append(bucket.buffer().nbytes)
        return allreduce_hook(None, bucket)  # type: ignore[arg-type]

    assert isinstance(model, DistributedDataParallel)
    model.register_comm_hook(None, hook)
    ids = torch.randint(0, 2048, (4, 128))
    times: dict[bool, list[float]] = {True: [], False: []}
    for step in range(2 * steps + 2):
        reduces = step % 2 == 0
        if reduces:
            counted.clear()
        dist.barrier()
        began = time.perf_counter()
        if reduces:
            model(input_ids=ids, labels=ids).loss.backward()
        else:
            with model.no_sync():
                model(input_ids=ids, labels=ids).loss.backward()
        if step >= 2:
            times[reduces].append(time.perf_counter() - began)
        model.zero_grad()
    with_it, without = (statistics.median(times[key]) for key in (True, False))
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {
        "kind": kind,
        "processes": dist.get_world_size(),
        "bytes": sum(counted),
        "trainable": trainable,
        "seconds": with_it,
        "share": max(0.0, 1 - without / with_it),
    }


def main(steps: int = 15) -> int:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    for kind in ("smt", "full"):
        said = reduced(kind, steps)
        if dist.get_rank() == 0:
            print(json.dumps(said), flush=True)
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
