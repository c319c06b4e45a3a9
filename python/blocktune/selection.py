"""Which blocks train: the matrices they are chosen from, the ranking of their scores, and a selection as a file and a line.

The definitions are those of `blocktune select`, to the order of equal scores. Arithmetic alone; scores are made in scores.py.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .budget import blocks_by_group
from .linear import SmtLinear, out_and_in

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_PATH = re.compile(r"(?:^|\.)layers\.(\d+)\.(?:self_attn|mlp)\.(\w+_proj)$")


@dataclass(frozen=True)
class Target:
    """A matrix [rows, cols] = [out, in] that may train, by its module's path in the model and its weight's Hugging Face name."""

    path: str
    layer: int
    module: str
    rows: int
    cols: int

    @property
    def group(self) -> str:
        return "attn" if MODULES.index(self.module) < 4 else "mlp"

    @property
    def name(self) -> str:
        return f"model.layers.{self.layer}.{'self_attn' if self.group == 'attn' else 'mlp'}.{self.module}.weight"


def targets_of(model: nn.Module, targets: Iterable[str]) -> list[Target]:
    """Every matrix of the named modules (q, k, v, ...; with or without _proj), by layer and module."""
    wanted = {t.removesuffix("_proj") + "_proj" for t in targets}
    if unknown := wanted - set(MODULES):
        known = " ".join(m.removesuffix("_proj") for m in MODULES)
        raise ValueError(f"expected targets of {known}, got {', '.join(sorted(unknown))}: correct the list.")
    found = []
    for path, module in model.named_modules():
        if (at := _PATH.search(path)) and at[2] in wanted:
            found.append(Target(path, int(at[1]), at[2], *out_and_in(module)))
    if not found:
        raise ValueError(
            "expected a decoder with layers.N.self_attn.q_proj and its like, got none: blocktune trains Llama-family models."
        )
    return sorted(found, key=lambda t: (t.layer, MODULES.index(t.module)))


def matrix_parameters(model: nn.Module) -> int:
    """Elements of all 2-D parameters of the model, a tied embedding once."""
    sizes = {}
    for module in model.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, SmtLinear) or not isinstance(weight, Tensor):
            continue
        if hasattr(module, "in_features"):
            sizes[id(weight)] = math.prod(out_and_in(module))
        elif weight.ndim == 2:
            sizes[id(weight)] = weight.numel()
    return sum(sizes.values())


def block_edge(targets: list[Target], asked: int | str = "auto") -> int:
    """The block edge: as asked, or the largest power of two up to 256 that divides every target dimension."""
    best = 256
    while any(t.rows % best or t.cols % best for t in targets):
        best //= 2
    edge = best if asked == "auto" else int(asked)
    for t in targets:
        if t.rows % edge or t.cols % edge:
            expected = f"expected a block edge that divides every target matrix, got {edge} for {t.name} [{t.rows}, {t.cols}]"
            raise ValueError(f"{expected}: use {best}, or auto.")
    return edge


def select(
    model: nn.Module,
    scores: Mapping[str, Tensor],
    *,
    budget: str = "0.84%",
    block: int | str = "auto",
    targets: Iterable[str] = ("q", "k", "v"),
    spread: str = "fair",
    kappa: float = 1.0,
) -> dict[str, Any]:
    """The best blocks that a budget buys, as the `selection` line of blocktune says them: best first, with raw scores."""
    if spread not in ("fair", "global", "matrix"):
        raise ValueError(f"expected a spread of fair, global or matrix, got {spread}: name one of them.")
    found = targets_of(model, targets)
    edge = block_edge(found, block)
    chosen: list[dict[str, Any]] = []
    for own, count in blocks_by_group(found, budget, edge, matrix_parameters(model)):
        chosen += _choose(own, scores, edge, count, spread, kappa)
    return selection_line(model, {"block": edge, "blocks": sorted(chosen, key=_rank)}, targets)


def selection_line(model: nn.Module, selection: Mapping[str, Any], targets: Iterable[str]) -> dict[str, Any]:
    """The line that tells of a selection; shares are fractions of the 2-D parameters of the model and of the targets."""
    trainable = len(selection["blocks"]) * selection["block"] ** 2
    within = sum(t.rows * t.cols for t in targets_of(model, covering(targets, selection)))
    shares = {"share_model": trainable / matrix_parameters(model), "share_targets": trainable / within}
    return {"kind": "selection", "block": selection["block"], "blocks": selection["blocks"], **shares, "trainable": trainable}


def covering(targets: Iterable[str], selection: Mapping[str, Any]) -> list[str]:
    """The targets with the modules of blocks that are given: an adapter has the shape of each matrix that it may change."""
    given = {block["module"] for block in selection["blocks"]}
    return list(dict.fromkeys(t.removesuffix("_proj") for t in [*targets, *(m for m in MODULES if m in given)]))


def read_selection(file: str | Path) -> dict[str, Any]:
    """A selection as `blocktune select --out` wrote it."""
    try:
        said = json.loads(Path(file).read_text())
        kinds = {"layer": int, "module": str, "row": int, "col": int, "score": float}
        blocks = [{key: kind({"score": 0, **block}[key]) for key, kind in kinds.items()} for block in said["blocks"]]
        return {"block": int(said["block"]), "blocks": blocks}
    except (OSError, KeyError, TypeError, ValueError) as e:
        cure = "give a file that `blocktune select --out` wrote."
        raise ValueError(f"expected a selection with block and blocks in {file}, got none ({e!r}): {cure}") from e


def by_matrix(model: nn.Module, selection: Mapping[str, Any]) -> dict[Target, list[tuple[int, int]]]:
    """Places of a selection's blocks by matrix, in its order; one that this model does not have is an error."""
    b, cure = selection["block"], "the selection is another model's. Select again on this one."
    known = {(t.layer, t.module): t for t in targets_of(model, MODULES)}
    found: dict[Target, list[tuple[int, int]]] = {}
    for one in selection["blocks"]:
        t = known.get((one["layer"], one["module"]))
        if t is None:
            raise ValueError(f"expected blocks of this model's matrices, got {one['module']} of layer {one['layer']}: {cure}")
        row, col = place = (one["row"], one["col"])
        if b < 1 or t.rows % b or t.cols % b or not (0 <= row * b < t.rows and 0 <= col * b < t.cols):
            raise ValueError(f"expected blocks of {b} inside {t.name} [{t.rows}, {t.cols}], got {place}: {cure}")
        if place in found.setdefault(t, []):
            raise ValueError(f"expected each block once, got {place} of {t.name} twice: leave one out.")
        found[t].append(place)
    if not found:
        raise ValueError("expected a block to train, got a selection without: select with a larger budget.")
    return found


# --- the ranking ------------------------------------------------------------------------------------------------------------


def _rank(c: Mapping[str, Any]) -> tuple[float, int, int, int, int]:
    return -c["score"], c["layer"], MODULES.index(c["module"]), c["row"], c["col"]


def _choose(
    targets: list[Target], scores: Mapping[str, Tensor], b: int, count: int, spread: str, kappa: float
) -> list[dict[str, Any]]:
    ranked = []
    for t in targets:
        values = scores[t.name]
        if tuple(values.shape) != (t.rows // b, t.cols // b):
            want = f"[{t.rows // b}, {t.cols // b}]"
            raise ValueError(f"expected scores {want} for {t.name}, got {list(values.shape)}: score with the same block edge.")
        if not bool(torch.isfinite(values).all()):
            raise ValueError(
                f"expected finite scores, got others for {t.name}: the gradients overflow; check the data and the base model."
            )
        for row, line in enumerate(values.tolist()):
            ranked += [
                {"layer": t.layer, "module": t.module, "row": row, "col": col, "score": score} for col, score in enumerate(line)
            ]
    ranked.sort(key=_rank)
    if spread == "global":
        return ranked[:count]
    before: Counter[tuple[int, str]] = Counter()
    nth = []  # a block's place among those of its matrix
    for c in ranked:
        nth.append(before[c["layer"], c["module"]])
        before[c["layer"], c["module"]] += 1
    if spread == "matrix":
        shares = _shares(before, count)
        return [c for c, k in zip(ranked, nth, strict=True) if k < shares[c["layer"], c["module"]]]
    priority = [c["score"] / (1 + kappa * k * len(targets) / count) for c, k in zip(ranked, nth, strict=True)]
    return [ranked[i] for i in sorted(range(len(ranked)), key=lambda i: (-priority[i], i))[:count]]


def _shares(sizes: Mapping[tuple[int, str], int], count: int) -> dict[tuple[int, str], int]:
    """count shared out in proportion to each matrix's blocks, largest remainder, ties by layer and module."""
    whole = sum(sizes.values())
    give = {key: count * size // whole for key, size in sizes.items()}
    rest = sorted(sizes, key=lambda key: (-(count * sizes[key] % whole), key[0], MODULES.index(key[1])))
    for key in rest[: count - sum(give.values())]:
        give[key] += 1
    return give
