"""What docs/scale.md counts, checked by processes: what a step reduces, and what each holds of a base that is cut."""

import json

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

import measure
import scale
from blocktune.model import share_base
from conftest import fork, golden_model, of


@pytest.fixture(scope="module", params=[2, 4])
def said(request: pytest.FixtureRequest) -> dict[str, dict[str, int]]:
    return {line["kind"]: line for line in fork(request.param, lambda: measure.main(1))}


@pytest.mark.parametrize("way", ["ddp", "full", "fsdp", "fsdp-blocks"])
def test_processes_say_what_is_computed(said: dict[str, dict[str, int]], way: str) -> None:
    sizes = scale.sizes_of(measure.model_of("full"), block=16, width=4)
    want = scale.traffic(sizes, way)
    over = [said[way][key] - want[key] for key in ("reduced", "gathered")]
    # blocks that are cut are filled up to as many for each process, in each of twelve matrices
    most = 4 * 16 * 16 * 12 * (said[way]["processes"] - 1) if way == "fsdp-blocks" else 0
    assert all(0 <= one <= most for one in over)


def test_only_the_chosen_blocks_are_reduced(said: dict[str, dict[str, int]]) -> None:
    assert 0.0082 < said["ddp"]["reduced"] / said["full"]["reduced"] <= 0.0084


def test_the_table_is_the_pages() -> None:
    assert scale.table() in (scale.ROOT / "docs" / "scale.md").read_text()


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
