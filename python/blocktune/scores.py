"""Scores of blocks by a frozen warm-up: figures of each weight's gradient or input, gathered while the model reads some batches.

The definitions are those of `blocktune select`. Over processes each reads batches of its own, and what was gathered is summed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .linear import dense, full
from .loss import target_loss
from .draws import uniform
from .selection import Target, block_edge, targets_of

SCORES = ["absmean", "absofmean", "absmean-of-sum", "l2"]
SELECTS = ["gradient", "activation", "magnitude", "random"]
Batch = Mapping[str, Tensor]


def score(model: nn.Module, batches: Iterable[Batch | None], *, score: str = "absmean", select: str = "gradient",
          targets: Iterable[str] = ("q", "k", "v"), block: int | str = "auto", seed: int = 0,
          heard: Callable[[float, int], None] | None = None) -> dict[str, Tensor]:  # fmt: skip
    """A score [rows / b, cols / b] in f32 for every block of the targets, by weight name. Weights stay as they are.

    batches: input_ids, labels (-100: not learned) and attention_mask, each [rows, tokens]; every one is a step of its own. Under
    torch.distributed each process gives its own, and as many of them; None is a batch that counts nothing. heard: is told the loss and
    the targets of each.
    """
    if score not in SCORES or select not in SELECTS:
        raise ValueError(f"expected a score of {' '.join(SCORES)} and a select of {' '.join(SELECTS)}, got {score} and {select}.")
    found = targets_of(model, targets)
    b = block_edge(found, block)
    if select == "random":
        return _by_lot(found, b, seed)
    gathered: dict[str, Tensor] = {}
    if select != "magnitude":
        gathered = _gather(model, found, batches, b, score, select, heard)
    if select == "gradient":
        return {name: _finished(x, b, score) for name, x in gathered.items()}
    maps = {}
    for t in found:
        weight = full(dense(model.get_submodule(t.path))).double().abs()
        tokens = gathered["tokens"] if gathered else 1
        inputs = gathered[t.name].double() / tokens if gathered else 1
        maps[t.name] = _mean(weight * inputs, b).float().cpu()
    return maps


def _gather(model: nn.Module, targets: list[Target], batches: Iterable[Batch | None], b: int, score: str, select: str,
            heard: Callable[[float, int], None] | None) -> dict[str, Tensor]:  # fmt: skip
    """Runs the batches with every target watched; sums over batches and processes, by weight name."""
    sums: dict[str, Tensor] = {}
    device = next(p.device for p in model.parameters())
    now: dict[str, Any] = {}

    def add(name: str, values: Tensor) -> None:
        if now["counts"]:
            sums[name] = sums[name] + values if name in sums else values

    with _watched(model, targets, b, score, select, add, now):
        shape: Batch | None = None
        for batch in batches:
            now["counts"] = batch is not None
            shape = batch or shape
            if shape is None:
                raise ValueError("expected a batch for every process, got none for this one: give more rows, or fewer processes.")
            here = {key: value.to(device) for key, value in shape.items()}
            now["mask"] = here.get("attention_mask", torch.ones_like(here["input_ids"])).bool()
            with torch.set_grad_enabled(select == "gradient"):
                loss, count = target_loss(model, here)
            if select == "gradient":
                (loss / count).backward()
            add("tokens", now["mask"].sum().float())
            if heard and batch is not None:
                heard(float(loss.detach()) / count, count)
    names = [t.name for t in targets] + ["tokens"]
    if dist.is_initialized():
        for t, name in zip([*targets, None], names, strict=True):
            if name not in sums:  # this process had no batch that counted
                sums[name] = torch.zeros(_shape_of(t, b, score, select), device=device)
            dist.all_reduce(sums[name])
    return {name: sums[name] for name in (names if select == "activation" else names[:-1])}


@contextmanager
def _watched(model: nn.Module, targets: list[Target], b: int, score: str, select: str, add: Any, now: dict[str, Any]) -> Iterator[None]:
    """The model with its weights frozen, and figures of each target's gradient or input handed to `add`."""
    trained = [p for p in model.parameters() if p.requires_grad]
    model.requires_grad_(False)
    handles = []
    for t in targets:
        module = model.get_submodule(t.path)
        if select == "activation":
            handles.append(module.register_forward_pre_hook(_sums_input(t.name, add, now)))
        else:
            handles.append(module.register_forward_hook(_scores_gradient(t.name, b, score, add)))
    if select == "gradient":  # so that gradients flow, though nothing trains
        handles.append(_embedding(model).register_forward_hook(lambda _m, _x, y: y.requires_grad_()))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for p in trained:
            p.requires_grad_()


def _embedding(model: nn.Module) -> nn.Module:
    return model.get_input_embeddings()  # type: ignore[operator]


def _sums_input(name: str, add: Any, now: dict[str, Any]) -> Any:
    return lambda _module, inputs: add(name, inputs[0].detach()[now["mask"]].abs().sum(0, dtype=torch.float32))


def _scores_gradient(name: str, b: int, score: str, add: Any) -> Any:
    """dW = dY' X of each backward, scored and let go; kept whole only where its sum is the score."""

    def hook(_module: nn.Module, inputs: Any, output: Tensor) -> None:
        x = inputs[0].detach()

        def figures(dy: Tensor) -> None:
            grad = (dy.flatten(0, -2).T @ x.flatten(0, -2).to(dy.dtype)).float()
            add(name, {"absmean": lambda: _mean(grad.abs(), b), "absofmean": lambda: _mean(grad, b),
                       "l2": lambda: _mean(grad.square(), b) * (b * b), "absmean-of-sum": lambda: grad}[score]())  # fmt: skip

        output.register_hook(figures)

    return hook


def _mean(values: Tensor, b: int) -> Tensor:
    """Mean of each block of b x b."""
    return values.view(values.shape[0] // b, b, values.shape[1] // b, b).mean((1, 3))


def _finished(gathered: Tensor, b: int, score: str) -> Tensor:
    done = {"absofmean": torch.abs, "l2": torch.sqrt, "absmean-of-sum": lambda x: _mean(x.abs(), b)}.get(score, lambda x: x)
    return done(gathered).cpu()


def _shape_of(t: Target | None, b: int, score: str, select: str) -> tuple[int, ...]:
    if t is None:
        return ()
    if select == "activation":
        return (t.cols,)
    return (t.rows, t.cols) if score == "absmean-of-sum" else (t.rows // b, t.cols // b)


def _by_lot(targets: list[Target], b: int, seed: int) -> dict[str, Tensor]:
    """Uniform scores, the same that blocktune draws."""
    draw = uniform(seed, 0x5E1EC7)
    maps = {}
    for t in targets:
        shape = (t.rows // b, t.cols // b)
        maps[t.name] = torch.tensor([next(draw) / 2**32 for _ in range(shape[0] * shape[1])], dtype=torch.float32).view(shape)
    return maps
