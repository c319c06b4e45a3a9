"""One layer: what it computes on any base, and what its forward keeps for the backward."""

import pytest
import torch
from torch import Tensor, nn

from blocktune.linear import SmtLinear
from conftest import off

INDEX = [(0, 2), (3, 2), (1, 0), (3, 5), (0, 5)]
B, OUT, IN, N = 8, 32, 64, 10


class OnDemand(nn.Module):
    """Half-size codes that become a dense weight when asked, as quantized linears have them."""

    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.out_features, self.in_features, self.bias = OUT, IN, dense.bias
        self.weight = nn.Parameter((dense.weight.detach() * 16).round().to(torch.int8), requires_grad=False)

    def dequantize(self) -> Tensor:
        return self.weight.float() / 16


def layer_of(kind: str, bias: bool = True) -> tuple[SmtLinear, Tensor]:
    """A layer with differences that are not zero, and the weight that the model sees."""
    torch.manual_seed(1)
    base: nn.Module = nn.Linear(IN, OUT, bias=bias)
    if kind == "on demand":
        assert isinstance(base, nn.Linear)
        base = OnDemand(base)
    layer = SmtLinear(base, B, INDEX)
    nn.init.normal_(layer.delta)
    weight = base.dequantize() if isinstance(base, OnDemand) else base.weight.detach().clone()  # type: ignore[union-attr, operator]
    for (row, col), d in zip(INDEX, layer.delta.detach(), strict=True):
        weight[row * B : (row + 1) * B, col * B : (col + 1) * B] += d
    return layer, weight


@pytest.mark.quick
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["dense", "on demand"])
def test_outputs_and_gradients_are_a_dense_layers(kind: str, bias: bool) -> None:
    layer, weight = layer_of(kind, bias)
    x = torch.randn(2, 5, IN, requires_grad=True)
    again, weight = x.detach().clone().requires_grad_(), weight.requires_grad_()
    want = nn.functional.linear(again, weight, layer.base.bias)  # type: ignore[arg-type]
    got = layer(x)
    seed = torch.randn_like(got)
    got.backward(seed)
    want.backward(seed)
    assert off(got, want) < 1e-6
    assert off(x.grad, again.grad) < 1e-6
    assert weight.grad is not None
    blocks = torch.stack([weight.grad[r * B : (r + 1) * B, c * B : (c + 1) * B] for r, c in INDEX])
    assert off(layer.delta.grad, blocks) < 1e-6


@pytest.mark.quick
def test_many_blocks_go_some_at_a_time() -> None:
    torch.manual_seed(2)
    index = [(row, col) for row in range(64) for col in range(2)]  # 128 blocks of a base with 16 columns: 8 at a time
    layer = SmtLinear(nn.Linear(16, 512), B, index)
    nn.init.normal_(layer.delta)
    assert len(list(layer.groups())) > 1
    x = torch.randn(N, 16)
    weight = (layer.base.weight + layer.delta.view(64, 2, B, B).transpose(1, 2).reshape(512, 16)).detach().requires_grad_()
    nn.functional.linear(x, weight, layer.base.bias).square().sum().backward()  # type: ignore[arg-type]
    layer(x).square().sum().backward()
    assert off(layer.delta.grad, weight.grad.view(64, B, 2, B).transpose(1, 2).reshape(128, B, B)) < 1e-6  # type: ignore[union-attr]


def kept_bytes(module: nn.Module, x: Tensor) -> int:
    """Bytes that the forward keeps for the backward beside the parameters themselves, by hooks on saved tensors."""
    own = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept = {}

    def pack(t: Tensor) -> Tensor:
        if t.untyped_storage().data_ptr() not in own:
            kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        module(x)
    return sum(kept.values())


@pytest.mark.quick
def test_of_the_input_the_chosen_columns_alone_are_kept() -> None:
    layer, _ = layer_of("dense")
    plain = nn.Linear(IN, OUT)
    x = torch.randn(N, IN, requires_grad=True) * 1  # an activation, not a leaf
    assert kept_bytes(plain, x) == 4 * N * IN
    strips = len({col for _, col in INDEX})  # three strips of the eight that the input has
    assert kept_bytes(layer, x) == 4 * N * strips * B == kept_bytes(plain, x) * 3 // 8


@pytest.mark.quick
def test_bf16_base_moves_by_f32_differences() -> None:
    layer = SmtLinear(nn.Linear(IN, OUT, dtype=torch.bfloat16), B, INDEX)
    y = layer(torch.randn(N, IN, dtype=torch.bfloat16, requires_grad=True))
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16
    assert layer.delta.grad is not None and layer.delta.grad.dtype == layer.delta.dtype == torch.float32


@pytest.mark.quick
def test_under_autocast_it_computes_in_the_asked_dtype() -> None:
    layer, weight = layer_of("dense")
    x = torch.randn(N, IN, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    y.float().sum().backward()
    assert y.dtype == torch.bfloat16
    assert off(y.float(), nn.functional.linear(x, weight, layer.base.bias)) < 1e-2  # type: ignore[arg-type]
    assert x.grad is not None and x.grad.dtype == torch.float32
