"""How many blocks a budget buys: 0.84% of the model, 5%t of the targets, 863b blocks, or attn=0.8%,mlp=0.2%."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .selection import Target

_AMOUNT = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(%t|%|b)", re.I)
_CURE = "write 0.84% of the model, 5%t of the targets, 863b blocks, or attn=0.8%,mlp=0.2%."


def blocks_by_group(targets: list[Target], budget: str, b: int, parameters: int) -> list[tuple[list[Target], int]]:
    """One group of all targets, or one of the attention's and one of the MLP's, with the blocks that each may train."""
    parts = {name + sep: amount for name, sep, amount in (part.strip().rpartition("=") for part in budget.split(","))}
    if len(parts) <= budget.count(",") or (set(parts) != {""} and not set(parts) <= {"attn=", "mlp="}):
        raise ValueError(f"expected a budget, got {budget}: {_CURE}")
    groups = []
    for group, amount in sorted(parts.items()):
        own = [t for t in targets if group in ("", f"{t.group}=")]
        if not own:
            cure = f"name some, or leave {group[:-1]} out."
            raise ValueError(
                f"expected targets with matrices of {group[:-1]}, for which the budget has a share, got none: {cure}"
            )
        groups.append((own, _count(amount, b, own, parameters)))
    return groups


def _count(amount: str, b: int, targets: list[Target], parameters: int) -> int:
    """Blocks that an amount buys: floor(share x parameters / b^2)."""
    if not (said := _AMOUNT.fullmatch(amount)):
        raise ValueError(f"expected a budget, got {amount}: {_CURE}")
    value, unit = float(said[1]), said[2].lower()
    within = sum(t.rows * t.cols for t in targets)
    of = within if unit == "%t" else parameters
    count = value if unit == "b" else math.floor(value / 100 * of * (1 + 1e-12) / (b * b))
    if count != int(count) or not 1 <= count <= within // (b * b):
        raise ValueError(
            f"expected a budget of 1 to {within // (b * b)} blocks of {b} x {b}, got {amount}, which is {count:g}: {_CURE}"
        )
    return int(count)
