"""Scores of blocks by a frozen warm-up: figures of each weight's gradient or input, gathered while the model reads some batches.

The definitions are those of `blocktune select`. Over processes each reads batches of its own, and what was gathered is summed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .draws import uniform
from .linear import dense, full
from .loss import target_loss
from .selection import Target, block_edge, targets_of

Batch = Mapping[str, Tensor]
Add = Callable[[str, Tensor], None]

# What of a gradient [rows, cols] is summed over steps, and what becomes of the sum, with blocks of b.
SCORES: dict[str, tuple[Callable[[Tensor, int], Tensor], Callable[[Tensor, int], Tensor]]] = {
    "absmean": (lambda g, b: _mean(g.abs(), b), lambda x, b: x),
    "absofmean": (lambda g, b: _mean(g, b), lambda x, b: x.abs()),
    "absmean-of-sum": (lambda g, b: g, lambda x, b: _mean(x.abs(), b)),
    "l2": (lambda g, b: _mean(g.square(), b) * (b * b), lambda x, b: x.sqrt()),
}
SELECTS = ["gradient", "activation", "magnitude", "random"]


def score(
    model: nn.Module,
    batches: Iterable[Batch | None],
    *,
    score: str = "absmean",
    select: str = "gradient",
    targets: Iterable[str] = ("q", "k", "v"),
    block: int | str = "auto",
    seed: int = 0,
    heard: Callable[[float, int], None] | None = None,
) -> dict[str, Tensor]:
    """A score [rows / b, cols / b] in f32 for every block of the targets, by weight name. Weights stay as they are.

    batches: input_ids, labels (-100: not learned) and attention_mask, each [rows, tokens]; every one is a step of its own. Under
    torch.distributed each process gives its own, and as many of them; None, where the others have one more, counts nothing. heard: is
    told the loss and the targets of each.
    """
    if score not in SCORES or select not in SELECTS:
        raise ValueError(f"expected a score of {' '.join(SCORES)} and a select of {' '.join(SELECTS)}, got {score} and {select}.")
    found = targets_of(model, targets)
    b = block_edge(found, block)
    if select == "random":
        return _by_lot(found, b, seed)
    if select == "gradient":
        sums = _gather(model, batches, lambda add, _: _watch_gradients(model, found, b, SCORES[score][0], add), heard)
        return {t.name: SCORES[score][1](sums[t.name], b).cpu() for t in found}
    sums = {}
    if select == "activation":
        with torch.no_grad():
            sums = _gather(model, batches, lambda add, now: _watch_inputs(model, found, add, now), heard)
    maps = {}
    for t in found:
        weight = full(dense(model.get_submodule(t.path))).double().abs()
        inputs = sums[t.name].double() / sums["tokens"] if sums else 1
        maps[t.name] = _mean(weight * inputs, b).float().cpu()
    return maps


def _gather(model: nn.Module, batches: Iterable[Batch | None], watch: Any, heard: Any) -> dict[str, Tensor]:
    """Runs the batches with the targets watched; sums over batches and processes, by weight name."""
    sums: dict[str, Tensor] = {}
    now: dict[str, Any] = {}
    device = next(p.device for p in model.parameters())

    def add(name: str, values: Tensor) -> None:
        counted = values if now["counts"] else torch.zeros_like(values)
        sums[name] = sums[name] + counted if name in sums else counted

    with _frozen(model), watch(add, now):
        shape: Batch | None = None
        for batch in batches:
            shape = batch or shape
            if shape is None:
                raise ValueError("expected a batch for every process, got none for this one: give more rows, or fewer processes.")
            here = {key: value.to(device) for key, value in shape.items()}
            now |= {"counts": batch is not None, "mask": here.get("attention_mask", torch.ones_like(here["input_ids"])).bool()}
            loss, count = target_loss(model, here)
            if torch.is_grad_enabled():
                (loss / count).backward()
            add("tokens", now["mask"].sum().float())
            if heard and batch is not None:
                heard(float(loss.detach()) / count, count)
    if dist.is_initialized():
        for name in sorted(sums):
            dist.all_reduce(sums[name])
    return sums


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """The model with nothing that trains, though gradients flow."""
    trained = [p for p in model.parameters() if p.requires_grad]
    model.requires_grad_(False)
    embedding: nn.Module = model.get_input_embeddings()  # type: ignore[operator]
    with _hooks([embedding.register_forward_hook(lambda _m, _x, y: y.requires_grad_() if torch.is_grad_enabled() else y)]):
        try:
            yield
        finally:
            for p in trained:
                p.requires_grad_()


def _watch_gradients(model: nn.Module, targets: list[Target], b: int, figure: Callable[[Tensor, int], Tensor], add: Add) -> Any:
    """dW = dY' X of each backward, scored and let go; kept whole only where its sum is the score."""

    def of(name: str) -> Any:
        def hook(_module: nn.Module, inputs: Any, output: Tensor) -> None:
            x = inputs[0].detach().flatten(0, -2)
            output.register_hook(lambda dy: add(name, figure((dy.flatten(0, -2).T @ x.to(dy.dtype)).float(), b)))

        return hook

    return _hooks([model.get_submodule(t.path).register_forward_hook(of(t.name)) for t in targets])


def _watch_inputs(model: nn.Module, targets: list[Target], add: Add, now: dict[str, Any]) -> Any:
    """Sums of |x_j| over the tokens of the rows."""

    def of(name: str) -> Any:
        return lambda _module, inputs: add(name, inputs[0].detach()[now["mask"]].abs().sum(0, dtype=torch.float32))

    return _hooks([model.get_submodule(t.path).register_forward_pre_hook(of(t.name)) for t in targets])


@contextmanager
def _hooks(handles: list[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _mean(values: Tensor, b: int) -> Tensor:
    """Mean of each block of b x b."""
    return values.view(values.shape[0] // b, b, values.shape[1] // b, b).mean((1, 3))


def _by_lot(targets: list[Target], b: int, seed: int) -> dict[str, Tensor]:
    """Uniform scores, the same that blocktune draws."""
    draw = uniform(seed, 0x5E1EC7)
    maps = {}
    for t in targets:
        shape = (t.rows // b, t.cols // b)
        maps[t.name] = torch.tensor([next(draw) / 2**32 for _ in range(shape[0] * shape[1])], dtype=torch.float32).view(shape)
    return maps
