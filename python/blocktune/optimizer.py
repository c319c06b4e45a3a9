"""How the differences move: the schedule, the clip by the global norm, AdamW as PyTorch has it, and Muon over blocks."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from .linear import SmtLinear

MOMENTS = {"adamw": ["exp_avg", "exp_avg_sq"], "muon": ["momentum"]}


def warmup_steps(x: float, steps: int) -> int:
    """Steps in which the rate rises: x, or for x below 1 that share of the run."""
    return max(0, math.ceil(x * steps - 1e-9)) if x < 1 else math.floor(x + 0.5)


def lr_at(t: int, steps: int, peak: float, schedule: str, rise: int) -> float:
    """Learning rate at step t from 0: peak (t + 1) / W for t < W; then peak, peak (N - t) / (N - W) or its cosine."""
    if t < rise:
        return peak * (t + 1) / rise
    if schedule == "linear":
        return peak * (steps - t) / (steps - rise)
    if schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * (t - rise) / (steps - rise)))
    return peak


def lr_by_rule(share: float) -> float:
    """The rate where none is found by trial: 1e-3 for 0.86 % of the targets' parameters, less by the root of how much more trains."""
    return float(f"{1e-3 * math.sqrt(0.0086 / share):.2g}")


def clipped(params: list[nn.Parameter], clip: float) -> float:
    """Scales gradients by min(1, clip / (norm + 1e-6)) (0: not at all); the norm over all of them before that."""
    norm = nn.utils.clip_grad_norm_(params, clip or math.inf)
    return float(norm.full_tensor() if isinstance(norm, DTensor) else norm)


def optimizer_of(
    layers: Iterable[SmtLinear], kind: str, betas: tuple[float, float], eps: float, muon_scale: str
) -> torch.optim.Optimizer:
    """AdamW, or Muon with steps over the root of the most blocks in a strip of their matrix (strip) or as they are (block)."""
    layers = list(layers)
    optimizer: torch.optim.Optimizer
    if kind == "muon":
        scales = [fullest_strip(layer) ** -0.5 if muon_scale == "strip" else 1.0 for layer in layers]
        groups = [{"params": [layer.delta], "scale": scale} for layer, scale in zip(layers, scales, strict=True)]
        optimizer = Muon(groups, betas[0])
    else:
        optimizer = torch.optim.AdamW([layer.delta for layer in layers], lr=0.0, betas=betas, eps=eps, weight_decay=0.0)
    for layer in layers:  # there from the start, so that a checkpoint has somewhere to go
        state = {name: torch.zeros_like(layer.delta) for name in MOMENTS[kind]}
        optimizer.state[layer.delta] = state | ({} if kind == "muon" else {"step": torch.zeros(())})
    return optimizer


def fullest_strip(layer: SmtLinear) -> int:
    """The most blocks in one row strip or one column strip."""
    return max(int(places.bincount().max()) for places in (layer.rows, layer.cols))


class Muon(torch.optim.Optimizer):
    """m = beta m + (1 - beta) g, u = beta m + (1 - beta) g, D -= lr sqrt(b) scale X, X the orthogonalised u, for each block [b, b].

    torch.optim.Muon is for single matrices; blocks lie [n, b, b].
    """

    def __init__(self, params: Any, beta: float) -> None:
        super().__init__(params, {"lr": 0.0, "beta": beta, "scale": 1.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            beta = group["beta"]
            for p in group["params"]:
                m = self.state[p]["momentum"].lerp_(p.grad, 1 - beta)
                u = m.lerp(p.grad, 1 - beta)
                here, to = (x.to_local() if isinstance(x, DTensor) else x for x in (u, p))  # a process holds whole blocks
                to.sub_(orthogonal(here), alpha=group["lr"] * math.sqrt(p.shape[-1]) * group["scale"])


def orthogonal(u: Tensor) -> Tensor:
    """Matrices [n, b, b] with their singular values brought to about 1, by five Newton-Schulz iterations (Jordan et al., 2024)."""
    x = u / (torch.linalg.matrix_norm(u, keepdim=True) + 1e-12)
    for _ in range(5):
        q = x @ x.mT
        x = 3.4445 * x + (-4.7750 * q + 2.0315 * q @ q) @ x
    return x
