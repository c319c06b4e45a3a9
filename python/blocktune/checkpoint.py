"""Checkpoints of a run by torch.distributed.checkpoint: read again by any number of processes, sharded or not."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch import Tensor

STANDING = "standing.json"


def save(folder: Path, state: dict[str, Tensor], standing: dict[str, Any], keep: int) -> None:
    """Writes a checkpoint of a step; what makes it one is written last. The oldest over `keep` go."""
    place = folder / f"step-{standing['step']:08d}"
    if not (place / STANDING).exists():
        dcp.save(state, checkpoint_id=place)
        if dist.get_rank() == 0:
            (place / STANDING).write_text(json.dumps(standing) + "\n")
    dist.barrier()
    if dist.get_rank() == 0:
        for old in _sound(folder)[:-keep]:
            shutil.rmtree(old)


def newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint and where its run stood."""
    found = _sound(folder)
    return (found[-1], json.loads((found[-1] / STANDING).read_text())) if found else None


def _sound(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob(f"step-*/{STANDING}"))
