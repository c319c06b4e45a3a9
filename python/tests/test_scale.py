"""What docs/scale.md counts, checked by processes: what a step reduces, and what each holds of a base that is cut."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh

import measure
import scale
from blocktune.model import share_base
from conftest import blocktune, fork, golden_model, of


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


def test_the_five_commands_of_the_page_with_two_processes(tmp_path: Path, model_folder: Any) -> None:
    """docs/scale.md to the letter, but for where model and data lie, the number of processes, and pip, which is done."""
    rng = random.Random(1)
    rows = [{"input_ids": [rng.randrange(3, 80) for _ in range(8)]} for _ in range(200)]
    (tmp_path / "D.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    page = (scale.ROOT / "docs" / "scale.md").read_text()
    commands = [line.split("#")[0].split() for line in page.splitlines() if line.startswith("    ")][:5]
    assert [words[0] for words in commands] == ["blocktune", "blocktune", "blocktune", "pip", "torchrun"]
    says = {
        "blocktune": ["node", str(scale.ROOT / "scripts" / "blocktune.mjs")],
        "torchrun": [sys.executable, "-m", "torch.distributed.run"],
    }
    stands = {"M": str(model_folder("llama3")), "D": "D.jsonl", "8": "2"}
    env = {**os.environ, "PYTHONPATH": str(scale.ROOT / "python"), "OMP_NUM_THREADS": "1"}
    for words in commands:
        if words[0] == "pip":
            continue
        run = [*says[words[0]], *(stands.get(word, word) for word in words[1:]), *(["--json"] if words[1] == "train" else [])]
        ran = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=300)
        assert ran.returncode == 0, ran.stderr[-3000:]
        lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        if words[1] == "train":
            stands["RATE"] = str(of(lines, "rates")[0]["lr"])
    assert len(of(lines, "step")) == 50 and not of(lines, "warmup")  # an epoch; the selection was passed on
    assert of(lines, "step")[10]["lr"] == pytest.approx(float(stands["RATE"]) * 40 / 48)
    assert of(lines, "selection")[0]["blocks"] == json.loads((tmp_path / "blocks.json").read_text())["blocks"]
    tuned = blocktune("eval", "--model", stands["M"], "--data", tmp_path / "D.jsonl", "--adapter", tmp_path / "adapter")
    assert (
        of(tuned, "eval")[0]["loss"]
        < of(blocktune("eval", "--model", stands["M"], "--data", tmp_path / "D.jsonl"), "eval")[0]["loss"]
    )
