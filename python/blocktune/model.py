"""A base from its files, and how processes share it: whole on each (DDP), or cut among them (FSDP2)."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

from .linear import SmtLinear
from .loss import Whole

DTYPES: dict[str, Any] = {"keep": "auto", "f32": torch.float32, "bf16": torch.bfloat16}


def load_base(place: str, base: str) -> Any:
    """A frozen model from a Hugging Face folder or name (hf:OWNER/NAME), or from a GGUF file, which the gguf package dequantizes."""
    dtype, how = DTYPES[base], {}
    place = place.removeprefix("hf:")
    if place.endswith(".gguf"):
        dtype, how = torch.float32 if dtype == "auto" else dtype, {"gguf_file": Path(place).name}
        place = str(Path(place).parent)
    cure = "name a folder with config.json, hf:OWNER/NAME, or a .gguf file, which wants the gguf package."
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(place, dtype=dtype, attn_implementation="sdpa", **how)
    except (OSError, ImportError) as e:
        raise ValueError(f"expected a model at {place}, got {e}: {cure}") from e
    return model.eval().requires_grad_(False)


def recompute(model: Any) -> None:
    """Layers are made again in the backward. What looks at `training` is that, and dropout, which is not applied here."""
    model.gradient_checkpointing_enable({"use_reentrant": False})
    for module in model.modules():
        module.training = not isinstance(module, nn.Dropout)
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.0


def share_base(model: Any, device: torch.device, mesh: DeviceMesh | None) -> Whole:
    """The base on a device, or cut over a mesh: layers, and what is around them, each gathered for its own forward and backward only."""
    whole = Whole(model)
    if not mesh:
        return whole.to(device)
    for path, module in whole.named_modules():
        if path.rsplit(".", 1)[0].endswith("layers"):
            fully_shard(module, mesh=mesh)
    fully_shard(whole, mesh=mesh)
    return whole


def share_blocks(layers: Iterable[SmtLinear], mesh: DeviceMesh, sharded: bool) -> None:
    """The trained blocks beside a base that is cut: whole on every process, or some blocks on each, with their moments."""
    for layer in layers:
        layer.delta = nn.Parameter(distribute_tensor(layer.delta.data, mesh, [Shard(0) if sharded else Replicate()]))
