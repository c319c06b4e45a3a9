"""Which blocks train: the ranking of their scores, and a selection as a file and a line.

The definitions are those of `blocktune select`, to the order of equal scores. Arithmetic alone; scores are made in scores.py.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .targets import MODULES, Target, block_edge, bought, elements, matrix_parameters, targets_of


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
    if spread not in ("fair", "apart", "global", "matrix"):
        raise ValueError(f"expected a spread of fair, apart, global or matrix, got {spread}: name one of them.")
    found = targets_of(model, targets)
    edge = block_edge(found, block)
    groups = bought(model, found, budget, edge)
    chosen = [one for own, count in groups for one in _choose(own, scores, edge, count, spread, kappa)]
    return selection_line(model, {"block": edge, "blocks": sorted(chosen, key=_rank)}, targets)


def selection_line(model: nn.Module, selection: Mapping[str, Any], targets: Iterable[str]) -> dict[str, Any]:
    """The line that tells of a selection; shares are fractions of the 2-D parameters of the model and of the targets."""
    trainable = len(selection["blocks"]) * selection["block"] ** 2
    within = elements(targets_of(model, covering(targets, selection)))
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
    """fair: block k of a matrix, best first from 0, counts score / (1 + kappa k G / N), N to choose of G matrices; apart: in the order of
    worth = score / (1 + blocks before of its row + of its column) it counts worth / (1 + kappa k G / N); matrix: each a share."""
    ranked = sorted((c for t in targets for c in _candidates(t, scores[t.name], b)), key=_rank)
    own: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for c in ranked:
        own.setdefault((c["layer"], c["module"]), []).append(c)
    if spread == "matrix":
        shares = _shares({at: len(blocks) for at, blocks in own.items()}, count)
        return [c for at, blocks in own.items() for c in blocks[: shares[at]]]
    discount = 0.0 if spread == "global" else kappa
    turns = [_apart(blocks, count) if spread == "apart" else [(c, c["score"]) for c in blocks] for blocks in own.values()]
    priority = [
        (-worth / (1 + discount * k * len(targets) / count), _rank(c), c) for t in turns for k, (c, worth) in enumerate(t)
    ]
    return [c for *_, c in sorted(priority, key=lambda x: x[:2])[:count]]


def _apart(ranked: list[dict[str, Any]], count: int) -> list[tuple[dict[str, Any], float]]:
    """Blocks of a matrix one after another by what they are worth then, at most count of them."""
    left, taken, turn = list(ranked), Counter[tuple[str, int]](), []
    for _ in ranked[:count]:
        worth = [c["score"] / (1 + taken["row", c["row"]] + taken["col", c["col"]]) for c in left]
        best = max(range(len(left)), key=lambda i: worth[i])
        c = left.pop(best)
        taken.update([("row", c["row"]), ("col", c["col"])])
        turn.append((c, worth[best]))
    return turn


def _candidates(t: Target, values: Tensor, b: int) -> list[dict[str, Any]]:
    if list(values.shape) != [t.rows // b, t.cols // b]:
        want = [t.rows // b, t.cols // b]
        raise ValueError(f"expected scores {want} for {t.name}, got {list(values.shape)}: score with the same block edge.")
    if not bool(torch.isfinite(values).all()):
        raise ValueError(f"expected finite scores, got others for {t.name}: the gradients overflow; check the data and the base.")
    place = {"layer": t.layer, "module": t.module}
    lines = enumerate(values.tolist())
    return [{**place, "row": row, "col": col, "score": score} for row, line in lines for col, score in enumerate(line)]


def _shares(sizes: Mapping[tuple[int, str], int], count: int) -> dict[tuple[int, str], int]:
    """count shared out in proportion to each matrix's blocks, largest remainder, ties by layer and module."""
    whole = sum(sizes.values())
    give = {key: count * size // whole for key, size in sizes.items()}
    rest = sorted(sizes, key=lambda key: (-(count * sizes[key] % whole), key[0], MODULES.index(key[1])))
    for key in rest[: count - sum(give.values())]:
        give[key] += 1
    return give
