"""The losses of a batch's targets. Logits are made for targets alone, some at a time."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

AT_ONCE = 1024


def token_losses(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """Cross-entropy in nats [targets] of every label [rows, tokens] that is not -100, row by row; label i belongs to token i.

    Rows are padded on the right, where nothing is learned, so that a causal model needs no mask. Of a batch without a target the answer is
    empty, and its gradients are 0: a process without rows still takes part.
    """
    return (model if isinstance(model, Whole) else Whole(model))(batch)


class Whole(nn.Module):
    """A model as what processes share: a batch in, the losses of its targets out."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        labels = batch["labels"][:, 1:]
        keep = labels != -100
        base, head = getattr(self.model, self.model.base_model_prefix), self.model.get_output_embeddings()
        hidden = base(input_ids=batch["input_ids"], use_cache=False).last_hidden_state[:, :-1]
        states, wanted = hidden[keep].split(AT_ONCE), labels[keep].split(AT_ONCE)
        if len(states) == 1:
            return _losses(head, states[0], wanted[0])
        return torch.cat([checkpoint(_losses, head, *piece, use_reentrant=False) for piece in zip(states, wanted, strict=True)])

    def get_input_embeddings(self) -> nn.Module:
        return self.model.get_input_embeddings()


def _losses(head: nn.Module, states: Tensor, wanted: Tensor) -> Tensor:
    return F.cross_entropy(head(states).float(), wanted, reduction="none")
