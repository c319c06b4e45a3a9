"""A transformers model as an SMT model: chosen blocks of its matrices train, all else is frozen."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from .linear import SmtLinear
from .scores import score
from .selection import by_matrix, read_selection, select, selection_line
from .targets import MODULES, targets_of

__all__ = [
    "SmtLinear",
    "prepare",
    "read_selection",
    "score",
    "select",
    "selection_line",
    "selection_on",
    "smt_layers",
    "targets_of",
]


def prepare(model: nn.Module, selection: Mapping[str, Any]) -> nn.Module:
    """Makes the selection's blocks the only parameters that train: differences from the base, zero at first. In place."""
    if smt_layers(model):
        raise ValueError("expected a model without blocks, got one that has some already: merge it, or load the model anew.")
    places = by_matrix(model, selection)
    model.requires_grad_(False)
    for target, index in places.items():
        model.set_submodule(target.path, SmtLinear(model.get_submodule(target.path), selection["block"], index))
    return model


def smt_layers(model: nn.Module) -> dict[str, SmtLinear]:
    """The layers that train, by their path in the model."""
    return {path: module for path, module in model.named_modules() if isinstance(module, SmtLinear)}


def selection_on(model: nn.Module) -> dict[str, Any]:
    """The blocks that are on a prepared model as a selection without scores, in the order of `smt_layers`."""
    layers, known = smt_layers(model), {t.path: t for t in targets_of(model, MODULES)}
    if not layers:
        raise ValueError("expected a model with blocks, got one without: smt.prepare it, or load an adapter on it.")
    blocks = []
    for path, layer in layers.items():
        place = {"layer": known[path].layer, "module": known[path].module}
        blocks += [{**place, "row": row, "col": col, "score": 0.0} for row, col in layer.index]
    return {"block": layer.block, "blocks": blocks}
