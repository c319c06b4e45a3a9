"""Adapter folders as blocktune writes and reads them: adapter_config.json beside adapter_model.safetensors, differences in f32."""

import hashlib
import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from . import __version__
from .linear import SmtLinear, dense, full
from .selection import covering
from .smt import prepare, selection_on, smt_layers
from .targets import MODULES, targets_of

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def save_adapter(
    model: nn.Module,
    folder: str | Path,
    *,
    targets: Iterable[str] = (),
    score: str = "absmean",
    budget: str | None = None,
    seed: int = 0,
    write: bool = True,
) -> None:
    """Writes the trained blocks of a prepared model. Processes that share a model call it together; those with write=False only help."""
    selection, known = selection_on(model), {t.path: t for t in targets_of(model, MODULES)}
    targets = covering(targets, selection)
    tensors: dict[str, Tensor] = {}
    for path, layer in smt_layers(model).items():
        tensors[f"{known[path].name}.blocks"] = full(layer.delta).cpu().contiguous()
        tensors[f"{known[path].name}.index"] = torch.tensor(layer.index, dtype=torch.int32)
    base: dict[str, dict[str, Any]] = {"shapes": {}, "sha256": {}}
    for t in targets_of(model, targets):
        base["shapes"][t.name] = [t.rows, t.cols]
        base["sha256"][t.name] = _sha256(model.get_submodule(t.path))
    if not write:
        return
    budget = budget or f"{len(selection['blocks'])}b"
    config = {"method": "smt", "block": selection["block"], "targets": targets, "score": score, "budget": budget, "seed": seed}
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    save_file(tensors, place / WEIGHTS, metadata={"format": "pt"})
    (place / CONFIG).write_text(json.dumps({**config, "version": __version__, "base": base}, indent=2) + "\n")


def load_adapter(model: nn.Module, folder: str | Path) -> nn.Module:
    """Puts a saved adapter on a model that has none: its blocks train on from there. Another base of the same shapes is a warning."""
    config, tensors = _read(Path(folder))
    known = {t.name: t for t in targets_of(model, MODULES)}
    for name, (rows, cols) in config["base"]["shapes"].items():
        t = known.get(name)
        if t is None or (t.rows, t.cols) != (rows, cols):
            got = f"[{t.rows}, {t.cols}]" if t else "no such matrix"
            expected = f"expected {name} [{rows}, {cols}] as the adapter {folder} has it, got {got} in this model"
            raise ValueError(f"{expected}: it was trained on another one. Load its own base.")
    trained = [known[name.removesuffix(".index")] for name in tensors if name.endswith(".index")]
    _warn_of_other_base(model, config["base"]["sha256"], {t.name: t.path for t in trained}, folder)
    blocks = []
    for t in trained:
        place = {"layer": t.layer, "module": t.module}
        blocks += [{**place, "row": row, "col": col} for row, col in tensors[f"{t.name}.index"].tolist()]
    prepare(model, {"block": config["block"], "blocks": blocks})
    with torch.no_grad():
        for t in trained:
            model.get_submodule(t.path).delta.copy_(tensors[f"{t.name}.blocks"])  # type: ignore[operator]
    return model


def said_by(folder: str | Path) -> dict[str, Any]:
    """What an adapter says of the run that made it: targets, score, budget and more, for one that goes on from it."""
    return _read(Path(folder))[0]


def merge(model: nn.Module) -> nn.Module:
    """Adds the trained blocks to the base, rounded once to its dtype, and takes the rest off: the model is a plain one again."""
    for path, layer in smt_layers(model).items():
        held, b = dense(layer.base).detach(), layer.block
        weight = held.float().clone()
        tiles = weight.view(weight.shape[0] // b, b, weight.shape[1] // b, b)
        tiles[layer.rows, :, layer.cols] += layer.delta.detach().to(weight.device)
        shape = (layer.in_features, layer.out_features)
        plain = nn.utils.skip_init(nn.Linear, *shape, bias=False, device=held.device, dtype=held.dtype).requires_grad_(False)
        plain.weight.copy_(weight)
        plain.bias = layer.base.bias
        model.set_submodule(path, plain)
    return model


# --- helpers ----------------------------------------------------------------------------------------------------------------


def _warn_of_other_base(model: nn.Module, sums: dict[str, str], paths: dict[str, str], folder: str | Path) -> None:
    """Warns where the base's values are others than the adapter was trained on, and names the matrices."""
    other = [name for name, path in paths.items() if sums.get(name) and _sha256(model.get_submodule(path)) != sums[name]]
    if other:
        more = f" and {len(other) - 6} more" if len(other) > 6 else ""
        warnings.warn(
            f"expected the base that the adapter {folder} was trained on, got other values of {', '.join(other[:6])}{more}: the same "
            "model in another format or dtype differs by rounding and will do; else load the model that the adapter is of.",
            stacklevel=3,
        )


def _sha256(module: nn.Module) -> str:
    """SHA-256 of a matrix's f32 values."""
    base = module.base if isinstance(module, SmtLinear) else module
    return hashlib.sha256(full(dense(base)).float().cpu().contiguous().numpy().tobytes()).hexdigest()


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Config and tensors of an adapter folder, sound."""
    for file in (CONFIG, WEIGHTS):
        if not (folder / file).is_file():
            raise ValueError(f"expected {file} in {folder}, got no such file: name an adapter folder that blocktune wrote.")
    damaged = "the file is damaged; save it again."
    try:
        config, tensors = json.loads((folder / CONFIG).read_text()), load_file(folder / WEIGHTS)
    except (ValueError, SafetensorError) as e:
        raise ValueError(f"expected an adapter in {folder}, got a file that cannot be read ({e}): {damaged}") from e
    if config.get("method") != "smt":
        got = config.get("peft_type", config.get("method"))
        cure = "PEFT itself loads LoRA and DoRA, and what export --format peft makes of others."
        raise ValueError(f"expected an adapter of blocks (method smt) in {folder}, got {got}: {cure}")
    b, shapes = config["block"], config["base"]["shapes"]
    for name in (n.removesuffix(".index") for n in tensors if n.endswith(".index")):
        count, values = len(tensors[f"{name}.index"]), tensors.get(f"{name}.blocks")
        if name not in shapes or values is None or tuple(values.shape) != (count, b, b) or not bool(torch.isfinite(values).all()):
            expected = f"expected finite {name}.blocks [{count}, {b}, {b}] and its shape in {folder}"
            raise ValueError(f"{expected}, got otherwise: {damaged}")
    return config, tensors
