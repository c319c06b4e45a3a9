"""What the tests share: the golden models that PyTorch made (test/goldens), the command line of the checkout, and what is close."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, models

ROOT = Path(__file__).parents[2]
GOLDENS = ROOT / "test" / "goldens"
FAMILIES = ["llama3", "llama-linear", "qwen2", "qwen3", "mistral", "llama-bias", "smollm3"]
ATTN = ["q_proj", "k_proj", "v_proj", "o_proj"]

torch.set_num_threads(1)


def golden(family: str) -> dict[str, Any]:
    return json.loads((GOLDENS / family / "golden.json").read_text())


def load(folder: Path, **more: Any) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more).eval()


def golden_model(family: str) -> Any:
    return load(GOLDENS / family / "model")


def off(got: Any, want: Any) -> float:
    """Relative L2 distance; not a number is infinitely far."""
    a, b = (torch.as_tensor(x).detach().double() for x in (got, want))
    distance = float((a - b).norm() / b.norm().clamp(min=1e-300))
    return distance if distance == distance else float("inf")


def selection_of(curve: dict[str, Any]) -> dict[str, Any]:
    """The blocks of a golden curve as a selection."""
    blocks = []
    for name, row, col in curve["blocks"]:
        parts = name.split(".")
        blocks.append({"layer": int(parts[2]), "module": parts[4], "row": row, "col": col, "score": 0.0})
    return {"block": curve["block"], "blocks": blocks}


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A golden model as a folder that the command line takes: with a tokenizer beside it."""
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = tmp_path_factory.mktemp(family) / "model"
            shutil.copytree(GOLDENS / family / "model", made[family])
            size = json.loads((made[family] / "config.json").read_text())["vocab_size"]
            words = {f"t{i}": i for i in range(size)}
            Tokenizer(models.WordLevel(words, unk_token="t0")).save(str(made[family] / "tokenizer.json"))
        return made[family]

    return folder


@pytest.fixture
def rows_file(tmp_path: Path) -> Any:
    def write(rows: list[Any], name: str = "rows.jsonl") -> Path:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / name

    return write


def blocktune(*words: Any) -> list[dict[str, Any]]:
    """The JSON lines of the command line of this checkout."""
    command = [*map(str, words), "--json", "--tune", "off"]
    ran = subprocess.run(["node", str(ROOT / "scripts" / "blocktune.mjs"), *command], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def of(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["kind"] == kind]


def torchrun(processes: int, *words: Any, fails: bool = False) -> Any:
    """Lines of `torchrun -m blocktune.train` over so many gloo processes; its standard error where it is to fail."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    start = ["torchrun", "--standalone", "--nproc-per-node", str(processes), "-m", "blocktune.train"]
    python = [shutil.which("python3") or "python3", "-m", "torch.distributed.run", *start[1:]]
    ran = subprocess.run([*python, *map(str, words)], capture_output=True, text=True, env=env, timeout=300)
    if fails:
        assert ran.returncode != 0
        return ran.stderr
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


def curve_of(lines: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    steps = of(lines, "step")
    return [s["loss"] for s in steps], [s["grad_norm"] for s in steps]


