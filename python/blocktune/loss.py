"""The loss of a batch: summed over its targets, and their number. Logits are made for targets alone, some at a time."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

AT_ONCE = 1024


class Whole(nn.Module):
    """A model as what processes share: a batch in, the losses of its targets out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        return token_losses(self.model, batch)

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_input_embeddings()


def target_loss(model: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, int]:
    """Summed cross-entropy in nats of labels [rows, tokens] (label i belongs to token i, -100 is not learned), and how many there are.

    Rows are padded on the right, where nothing is learned, so that a causal model needs no mask.
    """
    losses, keep = model(batch) if isinstance(model, Whole) else token_losses(model, batch)
    return losses.sum(), int(keep.sum())


def token_losses(model: Any, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The loss of each target, row by row, and where targets are [rows, tokens - 1]."""
    labels = batch["labels"][:, 1:]
    keep = labels != -100
    hidden = getattr(model, model.base_model_prefix)(input_ids=batch["input_ids"], use_cache=False).last_hidden_state[:, :-1]
    head: nn.Module = model.get_output_embeddings()
    states, wanted = hidden[keep], labels[keep]
    if not len(wanted):  # a process without a row of its own: it takes part, and counts nothing
        return head(hidden[:1, 0]).float().sum(1) * 0, keep
    pieces = []
    for at in range(0, len(wanted), AT_ONCE):
        piece = slice(at, at + AT_ONCE)
        if len(wanted) <= AT_ONCE or not torch.is_grad_enabled():
            pieces.append(_losses(head, states[piece], wanted[piece]))
        else:
            pieces.append(checkpoint(_losses, head, states[piece], wanted[piece], use_reentrant=False))
    return torch.cat(pieces), keep


def _losses(head: nn.Module, states: Tensor, wanted: Tensor) -> Tensor:
    return F.cross_entropy(head(states).float(), wanted, reduction="none")
