"""A recipe as `blocktune train --save-recipe FILE` writes it: what of it this engine reads, what it passes over, what it refuses."""

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

Count = Annotated[int, (0, math.inf)]
Positive = Annotated[int, (1, math.inf)]
Amount = Annotated[float, (0, math.inf)]
Beta = Annotated[float, (0, 1)]

# What the rows were written by, and what belongs to the other engine's machine: neither changes a figure here.
SPENT = {
    "template",
    "columns",
    "learn",
    "date",
    "skipBadRows",
    "hub",
    "runtime",
    "device",
    "tune",
    "memory",
    "arithmetic",
    "tensorboard",
}

CURES = {
    "method": " (PEFT trains lora and dora, transformers all of a model)",
    "warmup": " (blocktune itself trains a full warm-up)",
    "base": " (a base is not converted to other formats here; a .gguf file is read as it is)",
}
FROM = "name the file that `blocktune train --save-recipe FILE` wrote."


@dataclass
class Recipe:
    """The settings of a run, under the names of the recipe; defaults are those of `blocktune train`."""

    model: str
    base: Literal["keep", "f32", "bf16"] = "keep"
    adapter: str | None = None
    data: list[str] | None = None
    batch: Positive = 4
    maxLength: Positive = 512
    noShuffle: bool = False
    method: Literal["smt"] = "smt"
    targets: list[Literal["q", "k", "v", "o", "gate", "up", "down"]] | None = None
    budget: str = "0.84%"
    block: Literal["auto"] | Positive = "auto"
    score: Literal["absmean", "absofmean", "absmean-of-sum", "l2"] = "absmean"
    select: Literal["gradient", "activation", "magnitude", "random"] = "gradient"
    spread: Literal["fair", "global", "matrix"] = "fair"
    kappa: Amount = 1.0
    warmup: Literal["frozen"] = "frozen"
    warmupSteps: Positive = 100
    selection: str | None = None
    recompute: Literal["auto", "on", "off"] = "auto"
    steps: Positive | None = None
    epochs: Amount | None = None
    accumulate: Positive = 1
    seed: Count = 0
    lr: Amount | Literal["auto"] | None = None
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    lrWarmup: Amount = 0.03
    optimizer: Literal["adamw", "muon"] = "adamw"
    muonScale: Literal["block", "strip"] = "strip"
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    eps: Amount = 1e-8
    weightDecay: Amount = 0.0
    decayToward: Literal["zero", "base"] = "zero"
    clip: Amount = 1.0
    eval: str | None = None
    evalEvery: Positive | None = None
    patience: Positive | None = None
    checkpointEvery: Count | None = None
    keep: Positive = 2
    maxSkips: Positive = 10
    out: str | None = None


def read_recipe(file: str | Path) -> Recipe:
    """The recipe in a file. A field that is not known here, or has a value that is none, is an error that names it."""
    try:
        said = json.loads(Path(file).read_text())
    except (OSError, ValueError) as e:
        raise ValueError(f"expected a recipe at {file}, got {e}: {FROM}") from e
    if not isinstance(said, dict):
        raise ValueError(f"expected an object of settings in {file}, got {json.dumps(said)[:40]}: {FROM}")
    kinds = get_type_hints(Recipe, include_extras=True)
    if unknown := sorted(set(said) - set(kinds) - SPENT):
        raise ValueError(
            f"expected settings that this engine has, got {', '.join(unknown)} in {file}: leave {'it' if len(unknown) == 1 else 'them'} "
            f"out where the run means the same without, else train by `blocktune train`. Known are {', '.join(sorted(kinds))}."
        )
    said = {field.name: said[field.name] for field in fields(Recipe) if field.name in said}
    for name, value in said.items():
        if not _fits(value, kinds[name]):
            hint = CURES.get(name, "")
            raise ValueError(f"expected {name} of {file} to be {_words(kinds[name])}{hint}, got {json.dumps(value)}: correct it.")
    if not said.get("model"):
        raise ValueError(
            f"expected {file} to name a model, got none (the built-in model is blocktune's alone): add its folder as model."
        )
    recipe = Recipe(**said)
    recipe.betas = (recipe.betas[0], recipe.betas[1])
    return recipe


# --- values against the annotations above -----------------------------------------------------------------------------------


def _fits(value: Any, kind: Any) -> bool:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return isinstance(value, str) and value in parts
    if origin is UnionType or str(origin) == "typing.Union":
        return any(_fits(value, part) for part in parts)
    if origin is list:
        return isinstance(value, list) and len(value) > 0 and all(_fits(one, parts[0]) for one in value)
    if origin is tuple:
        return isinstance(value, list) and len(value) == len(parts) and all(map(_fits, value, parts))
    if origin is Annotated:
        low, high = parts[1]
        return _fits(value, parts[0]) and low <= value < high
    return type(value) in ((int, float) if kind is float else (kind,))


def _words(kind: Any) -> str:
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(parts)
    if origin is UnionType or str(origin) == "typing.Union":
        return " or ".join(_words(part) for part in parts if part is not NoneType)
    if origin in (list, tuple):
        return f"a list of {len(parts) if origin is tuple else 'one or more'}, each {_words(parts[0])}"
    if origin is Annotated:
        low, high = parts[1]
        return f"{_words(parts[0])} from {low}{f' to below {high}' if high < math.inf else ''}"
    return {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}[kind]
