"""What docs/scale.md counts, checked by processes: what a step reduces, and what each holds of a base that is cut."""

import json

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

import measure
from blocktune.model import share_base
from conftest import fork, golden_model, of


def test_only_the_chosen_blocks_are_reduced() -> None:
    lines = fork(2, lambda: measure.main(1))
    smt, full = of(lines, "smt")[0], of(lines, "full")[0]
    assert smt["bytes"] == 4 * smt["trainable"]
    assert full["bytes"] == 4 * full["trainable"]
    assert 0.0082 < smt["bytes"] / full["bytes"] <= 0.0084


def held() -> int:
    dist.init_process_group("gloo")
    model = golden_model("llama3").requires_grad_(False)
    all_bytes = sum(p.nbytes for p in model.parameters())
    whole = share_base(model, torch.device("cpu"), init_device_mesh("cpu", (dist.get_world_size(),)))
    mine = sum(p.to_local().nbytes for p in whole.parameters())  # type: ignore[attr-defined]
    sums = torch.tensor([mine])
    dist.all_reduce(sums)
    if dist.get_rank() == 0:
        print(json.dumps({"kind": "held", "mine": mine, "all": all_bytes, "sum": int(sums)}), flush=True)
    dist.destroy_process_group()
    return 0


@pytest.mark.parametrize("processes", [2, 4])
def test_each_process_holds_its_part_of_a_base_that_is_cut(processes: int) -> None:
    [said] = of(fork(processes, held), "held")
    assert said["sum"] == said["all"]  # nothing twice, nothing missing
    assert said["mine"] == pytest.approx(said["all"] / processes, rel=0.05)
