"""The matrices that blocks are chosen from, and how many blocks a budget buys of them: 0.84% of the model, 5%t of the targets, 863b
blocks, or attn=0.8%,mlp=0.2%."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from .linear import SmtLinear, out_and_in

MODULES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
_PATH = re.compile(r"(?:^|\.)layers\.(\d+)\.(?:self_attn|mlp)\.(\w+_proj)$")
_AMOUNT = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(%t|%|b)", re.I)
_CURE = "write 0.84% of the model, 5%t of the targets, 863b blocks, or attn=0.8%,mlp=0.2%."


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
        raise ValueError("expected layers.N.self_attn.q_proj and its like, got none: blocktune trains Llama-family models.")
    return sorted(found, key=lambda t: (t.layer, MODULES.index(t.module)))


def elements(targets: Iterable[Target]) -> int:
    return sum(t.rows * t.cols for t in targets)


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


def bought(model: nn.Module, targets: list[Target], budget: str, b: int) -> list[tuple[list[Target], int]]:
    """One group of all targets, or one of the attention's and one of the MLP's, with the blocks [b, b] that each may train."""
    parts = {name + sep: amount for name, sep, amount in (part.strip().rpartition("=") for part in budget.split(","))}
    if len(parts) <= budget.count(",") or (set(parts) != {""} and not set(parts) <= {"attn=", "mlp="}):
        raise ValueError(f"expected a budget, got {budget}: {_CURE}")
    groups = []
    for group, amount in sorted(parts.items()):
        own = [t for t in targets if group in ("", f"{t.group}=")]
        if not own:
            expected = f"expected targets with matrices of {group[:-1]}, for which the budget has a share, got none"
            raise ValueError(f"{expected}: name some, or leave {group[:-1]} out.")
        groups.append((own, _count(amount, b, elements(own), matrix_parameters(model))))
    return groups


def _count(amount: str, b: int, within: int, parameters: int) -> int:
    """Blocks that an amount buys: floor(share x parameters / b^2)."""
    if not (said := _AMOUNT.fullmatch(amount)):
        raise ValueError(f"expected a budget, got {amount}: {_CURE}")
    value, unit = float(said[1]), said[2].lower()
    share = value / 100 * (within if unit == "%t" else parameters)
    count = value if unit == "b" else math.floor(share * (1 + 1e-12) / (b * b))
    most = within // (b * b)
    if count != int(count) or not 1 <= count <= most:
        raise ValueError(f"expected a budget of 1 to {most} blocks of {b} x {b}, got {amount}, which is {count:g}: {_CURE}")
    return int(count)
