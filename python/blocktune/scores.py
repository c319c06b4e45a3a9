"""Scores of blocks by a frozen warm-up: figures of each weight's gradient or input, gathered while the model reads some batches.

The definitions are those of `blocktune select`. Over processes each reads batches of its own, and what was gathered is summed.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .draws import uniform
from .linear import dense, full
from .loss import token_losses
from .targets import Target, block_edge, targets_of

Batch = Mapping[str, Tensor]

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
    batches: Iterable[Batch],
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
    torch.distributed each process gives its own, and as many of them; `collate([])` counts nothing. heard: is told the loss and the
    targets of each.
    """
    if score not in SCORES or select not in SELECTS:
        raise ValueError(f"expected a score of {' '.join(SCORES)} and a select of {' '.join(SELECTS)}, got {score} and {select}.")
    found = targets_of(model, targets)
    b = block_edge(found, block)
    if select == "random":
        return _by_lot(found, b, seed)
    figure, finish = SCORES[score]
    if select == "gradient":
        sums = _gather(model, found, batches, lambda g: figure(g, b), heard)
        return {t.name: finish(sums[t.name], b).cpu() for t in found}
    sums = _gather(model, found, batches, None, heard) if select == "activation" else {}
    maps = {}
    for t in found:
        weight = full(dense(model.get_submodule(t.path))).double().abs()
        inputs = sums[t.name].double() / sums["tokens"] if sums else 1
        maps[t.name] = _mean(weight * inputs, b).float().cpu()
    return maps


def _gather(
    model: nn.Module, targets: list[Target], batches: Iterable[Batch], figure: Callable[[Tensor], Tensor] | None, heard: Any
) -> dict[str, Tensor]:
    """Sums over batches and processes, by weight name: a figure of each gradient, or without one |x_j| over the tokens of the rows."""
    sums: dict[str, Any] = defaultdict(float)
    trained = [p for p in model.parameters() if p.requires_grad]
    device = next(p.device for p in model.parameters())
    mask = torch.empty(0)

    def watch(name: str) -> Any:
        def hook(_module: nn.Module, inputs: Any, output: Tensor) -> None:
            x = inputs[0].detach()
            if not figure:
                sums[name] += x[mask].abs().sum(0, dtype=torch.float32)
                return

            def back(dy: Tensor) -> None:  # dW = dY' X, let go once its figure is taken
                sums[name] += figure((dy.flatten(0, -2).T @ x.flatten(0, -2).to(dy.dtype)).float())

            output.register_hook(back)

        return hook

    model.requires_grad_(False)
    embedding: nn.Module = model.get_input_embeddings()  # type: ignore[operator]
    hooks = [model.get_submodule(t.path).register_forward_hook(watch(t.name)) for t in targets]
    hooks.append(embedding.register_forward_hook(lambda _module, _ids, states: states.requires_grad_()))  # so that gradients flow
    try:
        for batch in batches:
            here = {key: value.to(device) for key, value in batch.items()}
            mask = here.get("attention_mask", torch.ones_like(here["input_ids"])).bool()
            with torch.set_grad_enabled(figure is not None):
                losses = token_losses(model, here)
            count = len(losses)
            if figure:
                (losses.sum() / max(1, count)).backward()
            sums["tokens"] += mask.sum().float()
            if heard and count:
                heard(float(losses.detach().sum()) / count, count)
    finally:
        for one in hooks:
            one.remove()
        for p in trained:
            p.requires_grad_()
    if not sums:
        raise ValueError("expected batches to score blocks by, got none: give rows, or select by magnitude or random.")
    for name in sorted(sums) if dist.is_initialized() else ():
        dist.all_reduce(sums[name])
    return sums


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
