"""Rows as `blocktune rows --out` writes them, the order in which a run sees them, and what of a step is whose.

Tokens, masks and templates were decided when the rows were written. The order is blocktune's own, drawn by the seed.
"""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .draws import permutation

Row = dict[str, list[int]]


def read_rows(file: str | Path, max_length: int, vocab_size: int) -> list[Row]:
    """Rows with a token to learn, cut at max_length; label i belongs to token i, and the first is never learned."""
    rows = []
    with open(file, encoding="utf8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                row = _row(line, f"{file}:{number}", vocab_size, max_length)
                if targets_in(row):
                    rows.append(row)
    if not rows:
        cure = "give labels other than -100, or a longer maxLength."
        raise ValueError(f"expected {file} to hold a row with a token to learn, got none: {cure}")
    return rows


def _row(line: str, where: str, vocab_size: int, max_length: int) -> Row:
    try:
        said = json.loads(line)
        ids = said["input_ids"]
        labels = said.get("labels") or list(ids)
        sound = set(said) <= {"input_ids", "labels"} and len(ids) == len(labels) > 0  # a mask would change what is learned
        sound = sound and all(type(i) is int and (0 <= i < vocab_size or i == -100) for i in labels)
        sound = sound and all(type(i) is int and 0 <= i < vocab_size for i in ids)
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        expected = f"expected input_ids and as many labels, of this model's {vocab_size} tokens, and nothing else at {where}"
        cure = "write the rows with `blocktune rows --out FILE.jsonl`, by the run's own model."
        raise ValueError(f"{expected}, got {line.strip()[:60]}: {cure}")
    return {"input_ids": ids[:max_length], "labels": [-100, *labels[1:max_length]]}


def targets_in(row: Row) -> int:
    """Tokens of a row that are learned."""
    return sum(label != -100 for label in row["labels"])


def collate(rows: Sequence[Row]) -> dict[str, Tensor]:
    """Rows as a batch, padded on the right: input_ids, labels, attention_mask [rows, tokens]. Of no rows, one that counts nothing."""
    if not rows:
        return {name: torch.full((1, 2), fill) for name, fill in {"input_ids": 0, "labels": -100, "attention_mask": 0}.items()}
    parts = {
        "input_ids": ([row["input_ids"] for row in rows], 0),
        "labels": ([row["labels"] for row in rows], -100),
        "attention_mask": ([[1] * len(row["input_ids"]) for row in rows], 0),
    }
    return {name: pad_sequence([*map(torch.tensor, lists)], True, fill) for name, (lists, fill) in parts.items()}


@dataclass(frozen=True)
class Order:
    """Which rows a step sees. Epoch e holds steps e * steps_per_epoch and on, in an order of its own; no step crosses an epoch's end."""

    rows: int
    batch: int
    accumulate: int
    shuffle: bool
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.rows / (self.batch * self.accumulate))

    def step(self, t: int) -> list[list[int]]:
        """Places of the rows of step t, by micro-batch."""
        epoch, within = divmod(t, self.steps_per_epoch)
        order = permutation(self.rows, self.seed, epoch) if self.shuffle else list(range(self.rows))
        first = within * self.batch * self.accumulate
        mine = order[first : first + self.batch * self.accumulate]
        return [mine[i : i + self.batch] for i in range(0, len(mine), self.batch)]

    def micro_batches(self) -> Iterator[list[int]]:
        """Micro-batches of one step after the other, epoch after epoch."""
        return itertools.chain.from_iterable(map(self.step, itertools.count()))


def share_of(step: Iterable[list[int]], order: Order, rank: int, world: int) -> list[list[int]]:
    """A process's part of a step, by micro-batch. As many for each process: one that has no row left gets empty ones."""
    rows = [row for micro in step for row in micro]
    each = order.batch * order.accumulate // world
    mine = rows[rank * each : (rank + 1) * each]
    size = min(order.batch, each)
    return [mine[at : at + size] for at in range(0, each, size)]


def hold_out(count: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Places of the rows that train and of a share of them, rounded, that is held out; drawn by the seed."""
    if not 0 < share < 1:
        raise ValueError(f"expected eval to be a file or a share above 0 and below 1, got {share:g}: write 5% or 0.05.")
    held = max(1, math.floor(count * share + 0.5))
    if held >= count:
        cure = "lower eval or give more rows."
        raise ValueError(f"expected rows to be left for training, got {count} of which {held} are held out: {cure}")
    drawn = set(permutation(count, seed, 0x68656C64)[:held])
    return [i for i in range(count) if i not in drawn], sorted(drawn)
