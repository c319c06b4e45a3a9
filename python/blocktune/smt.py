"""A transformers model as an SMT model: chosen blocks of its matrices train, all else is frozen."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from .linear import SmtLinear
from .scores import score
from .selection import by_matrix, read_selection, select, selection_line, targets_of

__all__ = ["SmtLinear", "prepare", "read_selection", "score", "select", "selection_line", "smt_layers", "targets_of"]


def prepare(model: nn.Module, selection: Mapping[str, Any]) -> nn.Module:
    """Makes the selection's blocks the only parameters that train: differences from the base, zero at first. In place."""
    if smt_layers(model):
        raise ValueError(
            "expected a model without blocks on it, got one that is prepared already: merge it, or load the model anew."
        )
    places = by_matrix(model, selection)
    model.requires_grad_(False)
    for target, index in places.items():
        model.set_submodule(target.path, SmtLinear(model.get_submodule(target.path), selection["block"], index))
    return model


def smt_layers(model: nn.Module) -> dict[str, SmtLinear]:
    """The layers that train, by their path in the model."""
    return {path: module for path, module in model.named_modules() if isinstance(module, SmtLinear)}
