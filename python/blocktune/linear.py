"""A linear layer of which chosen blocks train: y = (W + D) x + bias, W frozen in whatever form it has, D the f32 differences.

The input gradient is dense. The weight gradient is made of the chosen blocks alone, from copies of the columns that they read: the
input itself is not kept. How blocks are chosen is selection.py, how they are saved adapter.py.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Partial
from torch.nn import functional as F


def dense(base: nn.Module) -> Tensor:
    """The weight [out, in] of a linear module; where it is stored in another form, as the module dequantizes it on demand."""
    if callable(own := getattr(base, "dequantize", None)):
        return own()
    weight: Any = base.weight
    if getattr(weight, "quant_state", None) is not None:
        from bitsandbytes.functional import dequantize_4bit

        return dequantize_4bit(weight.data, weight.quant_state)
    return weight


def out_and_in(base: nn.Module) -> tuple[int, int]:
    """The shape [out, in] of a linear module, whatever its weight is stored as."""
    return int(base.out_features), int(base.in_features)  # type: ignore[arg-type]


class SmtLinear(nn.Module):
    """Wraps a linear module and trains n blocks of b x b of it. `index`: row and column of each, counted in blocks."""

    rows: Tensor
    cols: Tensor
    strips: Tensor
    strip: Tensor

    def __init__(self, base: nn.Module, block: int, index: list[tuple[int, int]]) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.block = block
        self.index = index
        self.out_features, self.in_features = out_and_in(base)
        device = next(base.parameters()).device
        self.delta = nn.Parameter(torch.zeros(len(index), block, block, dtype=torch.float32, device=device))
        rows, cols = torch.tensor(index, device=device).T.contiguous()
        strips, strip = cols.unique(return_inverse=True)  # of the columns those that are kept, and which of them a block reads
        for name, values in {"rows": rows, "cols": cols, "strips": strips, "strip": strip}.items():
            self.register_buffer(name, values, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        delta: Tensor = self.delta
        if isinstance(delta, DTensor):  # on many processes: whole here, its gradient summed over them
            delta = delta.full_tensor(grad_placements=[Partial()])
        return _Blocks.apply(x, delta, self)

    def groups(self) -> Iterator[slice]:
        """The blocks, some at a time, so that what is gathered for them is at most four times the input."""
        size = max(1, 4 * self.in_features // self.block)
        for start in range(0, len(self.index), size):
            yield slice(start, start + size)

    def base_blocks(self) -> Tensor:
        """The base's values in the blocks [n, b, b], f32."""
        b = self.block
        tiles = full(dense(self.base)).view(self.out_features // b, b, self.in_features // b, b)
        return tiles[self.rows, :, self.cols].float()


def full(weight: Tensor) -> Tensor:
    """A weight that processes may share, whole and apart from the graph; every process must ask for it at the same time."""
    weight = weight.detach()
    return weight.full_tensor() if isinstance(weight, DTensor) else weight


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, delta: Tensor, layer: SmtLinear) -> Tensor:
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype
        b, flat = layer.block, x.reshape(-1, layer.in_features).to(dtype)
        bias: Any = layer.base.bias
        y = F.linear(flat, dense(layer.base).to(dtype), None if bias is None else bias.to(dtype))
        kept = _strips(flat, b).index_select(0, layer.strips)  # a copy [strips, N, b]: all that is kept of the input
        into = y.view(len(flat), -1, b)
        for some in layer.groups():
            part = torch.bmm(kept[layer.strip[some]], delta[some].to(dtype).transpose(1, 2))
            into.index_add_(1, layer.rows[some], part.transpose(0, 1))
        ctx.save_for_backward(kept, delta)
        ctx.layer, ctx.shape, ctx.dtype = layer, x.shape, x.dtype
        return y.view(*x.shape[:-1], layer.out_features)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, Tensor, None]:
        kept, delta = ctx.saved_tensors
        layer: SmtLinear = ctx.layer
        b, dy = layer.block, grads[0].reshape(-1, layer.out_features)
        dx = dy @ dense(layer.base).to(dy.dtype) if ctx.needs_input_grad[0] else None
        strips, grad = _strips(dy, b), torch.empty_like(delta)
        for some in layer.groups():
            g = strips[layer.rows[some]]
            grad[some] = torch.bmm(g.transpose(1, 2), kept[layer.strip[some]])
            if dx is not None:
                part = torch.bmm(g, delta[some].to(dy.dtype))
                dx.view(len(dy), -1, b).index_add_(1, layer.cols[some], part.transpose(0, 1))
        return (None if dx is None else dx.view(ctx.shape).to(ctx.dtype)), grad, None


def _strips(x: Tensor, b: int) -> Tensor:
    """[N, C b] as strips of b columns [C, N, b], without a copy."""
    return x.view(len(x), -1, b).transpose(0, 1)
