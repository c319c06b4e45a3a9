"""What the tests share: the golden models that PyTorch made (test/goldens), the command line of the checkout, and what is close."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
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
    ran = subprocess.run(
        ["node", str(ROOT / "scripts" / "blocktune.mjs"), *command], capture_output=True, text=True, cwd=ROOT, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def of(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["kind"] == kind]


def train(processes: int, *words: Any, fails: bool = False) -> Any:
    """Lines of `blocktune.train` over so many gloo processes; its standard error where it is to fail."""
    from blocktune.train import main

    return fork(processes, lambda: main([*map(str, words)]), fails=fails)


def fork(processes: int, run: Callable[[], int], fails: bool = False) -> Any:
    """JSON lines of a function that so many processes call, forked from this one, as torchrun's would be."""
    said = [tempfile.mkstemp()[1] for _ in range(2)]
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    codes = [_forked(rank, processes, port, run, said) for rank in range(processes)]
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in codes]
    out, err = (Path(file).read_text() for file in said)
    if fails:
        assert all(codes)
        return err
    assert not any(codes), err[-3000:]
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def _forked(rank: int, processes: int, port: int, run: Callable[[], int], said: list[str]) -> int:
    if pid := os.fork():
        return pid
    for fd, file in zip((1, 2), said, strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), fd)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    code = 70
    try:
        code = run()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def curve_of(lines: list[dict[str, Any]]) -> tuple[list[float], list[float]]:
    steps = of(lines, "step")
    return [s["loss"] for s in steps], [s["grad_norm"] for s in steps]
