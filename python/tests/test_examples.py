"""The examples as they stand: each under 40 lines, each trains the blocks and writes an adapter that goes on."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blocktune import load_adapter, smt
from conftest import ROOT, golden, golden_model, selection_of

EXAMPLES = ROOT / "python" / "examples"


@pytest.mark.parametrize("name", ["trainer.py", "with_accelerate.py", "with_deepspeed.py"])
def test_example(tmp_path: Path, rows_file: Any, model_folder: Any, name: str) -> None:
    if name == "with_deepspeed.py" and not importlib.util.find_spec("deepspeed"):
        pytest.skip("deepspeed is not installed")
    text = (EXAMPLES / name).read_text()
    assert len(text.splitlines()) < 40
    known = golden("llama3")
    (tmp_path / "blocks.json").write_text(json.dumps(selection_of(known["curves"]["smt8_all"])))
    words = [model_folder("llama3"), rows_file(known["rows"]), tmp_path / "blocks.json", tmp_path / "out", "cpu"]
    alone = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511"}
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "python"),
        "CUDA_VISIBLE_DEVICES": "",
        "ACCELERATE_USE_CPU": "1",
        "DS_ACCELERATOR": "cpu",
    }
    env |= alone if name == "with_deepspeed.py" else {}
    ran = subprocess.run(
        [sys.executable, EXAMPLES / name, *map(str, words)], capture_output=True, text=True, env=env, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    losses = [float(x) for x in re.findall(r"'?loss'?:? '?([\d.]+)", ran.stdout)]
    assert len(losses) >= 4 and losses[-1] < losses[0]
    model = load_adapter(golden_model("llama3"), tmp_path / "out")
    assert all(float(layer.delta.abs().max()) > 0 for layer in smt.smt_layers(model).values())
