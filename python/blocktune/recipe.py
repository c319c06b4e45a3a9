"""A recipe as `blocktune train --save-recipe FILE` writes it: what of it this engine reads, what it passes over, what it refuses."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .scores import SCORES, SELECTS
from .selection import MODULES

# What the rows were written by, and what belongs to the other engine's machine: neither changes a figure here.
SPENT = {"template", "columns", "learn", "date", "skipBadRows", "hub", "runtime", "device", "tune", "memory", "arithmetic", "tensorboard"}


@dataclass
class Recipe:
    """The settings of a run, under the names of the recipe; defaults are those of `blocktune train`."""

    model: str = ""
    base: str = "keep"
    adapter: str | None = None
    data: list[str] = field(default_factory=list)
    batch: int = 4
    maxLength: int = 512
    noShuffle: bool = False
    method: str = "smt"
    targets: list[str] = field(default_factory=lambda: ["q", "k", "v"])
    budget: str = "0.84%"
    block: int | str = "auto"
    score: str = "absmean"
    select: str = "gradient"
    spread: str = "fair"
    kappa: float = 1.0
    warmup: str = "frozen"
    warmupSteps: int = 100
    selection: str | None = None
    recompute: str = "auto"
    steps: int | None = None
    epochs: float | None = None
    accumulate: int = 1
    seed: int = 0
    lr: float | None = None
    schedule: str = "linear"
    lrWarmup: float = 0.03
    optimizer: str = "adamw"
    muonScale: str = "strip"
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weightDecay: float = 0.0
    clip: float = 1.0
    eval: str | None = None
    evalEvery: int | None = None
    patience: int | None = None
    checkpointEvery: int | None = None
    keep: int = 2
    maxSkips: int = 10
    out: str | None = None


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _one_of(*words: str) -> Callable[[Any], bool]:
    return lambda value: value in words


_TEXT, _FLAG = _is(str), _is(bool)
_INT: Callable[[Any], bool] = lambda value: _is(int)(value) and value >= 1  # noqa: E731
_COUNT: Callable[[Any], bool] = lambda value: _is(int)(value) and value >= 0  # noqa: E731
_NUMBER: Callable[[Any], bool] = lambda value: _is(int, float)(value) and value >= 0  # noqa: E731
_SOUND: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **{name: ("a text", _TEXT) for name in ("model", "adapter", "budget", "selection", "eval", "out")},
    **{name: ("a whole number from 1", _INT) for name in ("batch", "maxLength", "warmupSteps", "steps", "accumulate", "evalEvery", "patience", "keep", "maxSkips")},
    **{name: ("a whole number from 0", _COUNT) for name in ("seed", "checkpointEvery")},
    **{name: ("a number from 0", _NUMBER) for name in ("kappa", "epochs", "lrWarmup", "eps", "weightDecay", "clip")},
    "noShuffle": ("true or false", _FLAG),
    "base": ("keep, f32 or bf16 (a base is not converted to other formats here)", _one_of("keep", "f32", "bf16")),
    "method": ("smt (PEFT trains lora and dora, transformers trains all of a model)", _one_of("smt")),
    "warmup": ("frozen (blocktune itself trains a full warm-up)", _one_of("frozen")),
    "score": (f"one of {' '.join(SCORES)}", _one_of(*SCORES)),
    "select": (f"one of {' '.join(SELECTS)}", _one_of(*SELECTS)),
    "spread": ("fair, global or matrix", _one_of("fair", "global", "matrix")),
    "recompute": ("auto, on or off", _one_of("auto", "on", "off")),
    "schedule": ("constant, linear or cosine", _one_of("constant", "linear", "cosine")),
    "optimizer": ("adamw or muon", _one_of("adamw", "muon")),
    "muonScale": ("block or strip", _one_of("block", "strip")),
    "block": ("auto or a whole number from 1", lambda value: value == "auto" or _INT(value)),
    "data": ("a list of files", lambda value: isinstance(value, list) and all(map(_TEXT, value))),
    "targets": ("some of q k v o gate up down", lambda value: isinstance(value, list) and len(value) > 0 and all(f"{t}_proj" in MODULES for t in value)),
    "betas": ("two numbers from 0 to below 1", lambda value: isinstance(value, list) and len(value) == 2 and all(_NUMBER(b) and b < 1 for b in value)),
    "lr": ("a number (of auto blocktune tells what it found, in its line `rates`)", lambda value: _is(int, float)(value) and value > 0),
}  # fmt: skip


def read_recipe(file: str | Path) -> Recipe:
    """The recipe in a file. A field that is not known here, or has a value that is none, is an error that names it."""
    try:
        said = json.loads(Path(file).read_text())
    except (OSError, ValueError) as e:
        raise ValueError(f"expected a recipe at {file}, got {e}: name the file that `blocktune train --save-recipe FILE` wrote.") from e
    if not isinstance(said, dict):
        raise ValueError(f"expected an object of settings in {file}, got {json.dumps(said)[:40]}: name the file that `blocktune train --save-recipe FILE` wrote.")
    if unknown := sorted(set(said) - set(_SOUND) - SPENT):
        raise ValueError(
            f"expected settings that this engine has, got {', '.join(unknown)} in {file}: leave {'it' if len(unknown) == 1 else 'them'} out "
            f"where the run means the same without, else train by `blocktune train`. Known are {', '.join(sorted(_SOUND))}.")  # fmt: skip
    for name, value in said.items():
        if name in _SOUND and not _SOUND[name][1](value):
            raise ValueError(f"expected {name} of {file} to be {_SOUND[name][0]}, got {json.dumps(value)}: correct it.")
    recipe = Recipe(**{name: value for name, value in said.items() if name not in SPENT})
    if not recipe.model:
        raise ValueError(f"expected {file} to name a model, got none (the built-in model is blocktune's alone): add its folder as model.")
    recipe.betas = (recipe.betas[0], recipe.betas[1])
    return recipe
