"""Adapter folders as blocktune writes and reads them: adapter_config.json beside adapter_model.safetensors, differences in f32."""

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from . import __version__
from .linear import SmtLinear, dense, full
from .selection import MODULES, targets_of
from .smt import prepare, smt_layers

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def save_adapter(model: nn.Module, folder: str | Path, *, targets: Iterable[str] | None = None, score: str = "absmean",
                 budget: str | None = None, seed: int = 0, write: bool = True) -> None:  # fmt: skip
    """Writes the trained blocks of a prepared model. Processes that share a model call it together; those with write=False only help."""
    layers = smt_layers(model)
    known = {t.path: t for t in targets_of(model, MODULES)}
    if targets is None:
        targets = [m for m in MODULES if any(known[path].module == m for path in layers)]
    tensors: dict[str, Tensor] = {}
    for path, layer in layers.items():
        tensors[f"{known[path].name}.blocks"] = full(layer.delta).cpu().contiguous()
        tensors[f"{known[path].name}.index"] = torch.tensor(layer.index, dtype=torch.int32)
    shapes, sums = {}, {}
    for t in targets_of(model, targets):
        shapes[t.name], sums[t.name] = [t.rows, t.cols], _sha256(model.get_submodule(t.path))
    block = next(iter(layers.values())).block
    count = sum(len(layer.index) for layer in layers.values())
    config = {"method": "smt", "block": block, "targets": [t.removesuffix("_proj") for t in targets], "score": score,
              "budget": budget or f"{count}b", "seed": seed, "version": __version__, "base": {"shapes": shapes, "sha256": sums}}  # fmt: skip
    if not write:
        return
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    save_file(tensors, place / WEIGHTS, metadata={"format": "pt"})
    (place / CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def load_adapter(model: nn.Module, folder: str | Path) -> nn.Module:
    """Puts a saved adapter on a model that has none: its blocks train on from there. Another base of the same shapes is a warning."""
    config, tensors = _read(Path(folder))
    blocks = []
    names = {t.name: t for t in targets_of(model, MODULES)}
    for name, (rows, cols) in config["base"]["shapes"].items():
        t = names.get(name)
        if t is None or (t.rows, t.cols) != (rows, cols):
            got = f"[{t.rows}, {t.cols}]" if t else "no such matrix"
            raise ValueError(f"expected {name} [{rows}, {cols}] as the adapter {folder} has it, got {got} in this model: it was trained on another one. Load its own base.")
    matrices = [name.removesuffix(".index") for name in tensors if name.endswith(".index")]
    for name in matrices:
        t = names[name]
        blocks += [{"layer": t.layer, "module": t.module, "row": row, "col": col} for row, col in tensors[f"{name}.index"].tolist()]
    warn_of_other_base(model, config["base"]["sha256"], matrices, str(folder))
    prepare(model, {"block": config["block"], "blocks": blocks})
    for name in matrices:
        layer = model.get_submodule(names[name].path)
        assert isinstance(layer, SmtLinear)
        with torch.no_grad():
            layer.delta.copy_(tensors[f"{name}.blocks"])
    return model


def said_by(folder: str | Path) -> tuple[list[str], str, str]:
    """What an adapter says of the run that made it, for one that goes on from it: targets, score, budget."""
    config, _ = _read(Path(folder))
    return config["targets"], config["score"], config["budget"]


def warn_of_other_base(model: nn.Module, sums: dict[str, str], matrices: list[str], folder: str) -> None:
    """Warns where the base's values are others than the adapter was trained on, and names the matrices."""
    paths = {t.name: t.path for t in targets_of(model, MODULES)}
    other = [name for name in matrices if sums.get(name) and _sha256(model.get_submodule(paths[name])) != sums[name]]
    if other:
        warnings.warn(
            f"expected the base that the adapter {folder} was trained on, got other values of {', '.join(other[:6])}"
            f"{f' and {len(other) - 6} more' if len(other) > 6 else ''}: the same model in another format or dtype differs by rounding and "
            "will do; else load the model that the adapter is of.", stacklevel=3)  # fmt: skip


def merge(model: nn.Module) -> nn.Module:
    """Adds the trained blocks to the base, rounded once to its dtype, and takes the rest off: the model is a plain one again."""
    for path, layer in smt_layers(model).items():
        held = dense(layer.base)
        weight = held.detach().float().clone()
        b = layer.block
        tiles = weight.view(weight.shape[0] // b, b, weight.shape[1] // b, b)
        tiles[layer.rows, :, layer.cols] += layer.delta.detach().to(weight.device)
        plain: Any = layer.base
        if held is getattr(plain, "weight", None):
            plain.weight.data.copy_(weight)
        else:  # a base that is stored in another form becomes a dense one
            rows, cols = weight.shape
            dtype = held.dtype
            plain = nn.Linear(cols, rows, bias=layer.base.bias is not None, device=weight.device, dtype=dtype)
            plain.weight.data.copy_(weight)
            if layer.base.bias is not None:
                plain.bias.data.copy_(layer.base.bias)
        model.set_submodule(path, plain)
    return model


# --- helpers --------------------------------------------------------------------------------------------------------------


def _sha256(module: nn.Module) -> str:
    """SHA-256 of a matrix's f32 values."""
    base = module.base if isinstance(module, SmtLinear) else module
    return hashlib.sha256(full(dense(base)).float().cpu().contiguous().numpy().tobytes()).hexdigest()


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise ValueError(f"expected {file} in {folder}, got no such file: name an adapter folder that blocktune wrote.")
    config = json.loads((folder / CONFIG).read_text())
    if config.get("method") != "smt":
        kind = config.get("peft_type", config.get("method"))
        raise ValueError(f"expected an adapter of blocks (method smt) in {folder}, got {kind}: PEFT itself loads LoRA and DoRA (PeftModel.from_pretrained).")
    tensors = load_file(folder / WEIGHTS)
    b, shapes = config["block"], config["base"]["shapes"]
    for name in (n.removesuffix(".index") for n in tensors if n.endswith(".index")):
        index, values = tensors[f"{name}.index"], tensors.get(f"{name}.blocks")
        if name not in shapes or values is None or tuple(values.shape) != (len(index), b, b) or not bool(torch.isfinite(values).all()):
            raise ValueError(f"expected finite {name}.blocks [{len(index)}, {b}, {b}] and its shape in {folder}, got otherwise: the file is damaged; save it again.")
    return config, tensors
