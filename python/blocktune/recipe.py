"""A recipe as `blocktune train --save-recipe FILE` writes it: what of it this engine reads, what it passes over, what it refuses."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Beta = Annotated[float, Field(ge=0, lt=1)]
Module = Literal["q", "k", "v", "o", "gate", "up", "down"]

# Neither changes a figure here: what the rows were written by, and what belongs to the other engine's machine.
OF_ROWS = {"template", "columns", "learn", "date", "skipBadRows"}
OF_MACHINE = {"hub", "runtime", "device", "tune", "memory", "arithmetic", "tensorboard"}

# What decides something that another setting has decided: blocks that are given are not chosen.
CHOICE = ["budget", "score", "select", "spread", "kappa", "warmup", "warmupSteps"]
EITHER = {"steps": ["epochs"], "selection": CHOICE, "adapter": [*CHOICE, "targets", "block", "selection"]}

NEEDS = {"evalEvery": "eval", "patience": "eval", "checkpointEvery": "out"}

HINTS = {
    "model": " (the built-in model is blocktune's alone: name a folder)",
    "method": " (PEFT trains lora and dora, transformers all of a model)",
    "warmup": " (blocktune itself trains a full warm-up)",
    "base": " (a base is not converted to other formats here; a .gguf file is read as it is)",
}
FROM = "name the file that `blocktune train --save-recipe FILE` wrote."


@dataclass(config=ConfigDict(strict=True, extra="forbid"))
class Recipe:
    """The settings of a run, under the names of the recipe; defaults are those of `blocktune train`."""

    model: Text
    base: Literal["keep", "f32", "bf16"] = "keep"
    adapter: Text | None = None
    data: Annotated[list[Text], Field(min_length=1)] | None = None
    batch: Positive = 4
    maxLength: Annotated[int, Field(ge=2)] = 512
    noShuffle: bool = False
    method: Literal["smt"] = "smt"
    targets: Annotated[tuple[Module, ...], Field(min_length=1)] = ("q", "k", "v")
    budget: str = "0.84%"
    block: Literal["auto"] | Positive = "auto"
    score: Literal["absmean", "absofmean", "absmean-of-sum", "l2"] = "absmean"
    select: Literal["gradient", "activation", "magnitude", "random"] = "gradient"
    spread: Literal["fair", "apart", "global", "matrix"] = "fair"
    kappa: Amount = 1.0
    warmup: Literal["frozen"] = "frozen"
    warmupSteps: Positive = 100
    selection: Text | None = None
    recompute: Literal["auto", "on", "off"] = "auto"
    steps: Positive | None = None
    epochs: Above | None = None
    accumulate: Positive = 1
    seed: Count = 0
    lr: Above | Literal["auto"] | None = None
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    lrWarmup: Amount = 0.03
    optimizer: Literal["adamw", "muon"] = "muon"
    muonScale: Literal["block", "strip"] = "strip"
    betas: tuple[Beta, Beta] = (0.9, 0.95)
    eps: Above = 1e-8
    weightDecay: Amount = 0.0
    decayToward: Literal["zero", "base"] = "zero"
    clip: Amount = 1.0
    eval: Text | None = None
    evalEvery: Positive | None = None
    patience: Positive | None = None
    checkpointEvery: Count | None = None
    keep: Positive = 2
    maxSkips: Positive = 10
    out: Path | None = None


def read_recipe(file: str | Path, flags: dict[str, Any]) -> Recipe:
    """The recipe in a file, with flags beside it, which win. What is not known here, or has a value that is none, is an error by name."""
    try:
        said = json.loads(Path(file).read_text())
        own = {name: value for name, value in said.items() if name not in OF_ROWS | OF_MACHINE}
    except (OSError, ValueError, AttributeError) as e:
        raise ValueError(f"expected a recipe at {file}, got {e}: {FROM}") from e
    for one, others in EITHER.items():
        if both := [other for other in others if one in said and other in said]:
            raise ValueError(f"expected {one} or {both[0]} in {file}, got both: leave one out.")
    if "adapter" in said and "selection" in flags:
        raise ValueError(f"expected adapter in {file} or --selection, got both: leave one out.")
    anew = ("steps", "epochs") if "steps" in flags or "epochs" in flags else ()
    asked = {name: value for name, value in own.items() if name not in anew} | flags
    try:
        recipe = TypeAdapter(Recipe).validate_json(json.dumps(asked))
    except ValidationError as e:
        raise ValueError(_fault(e, asked, file)) from e
    for one, other in NEEDS.items():
        if getattr(recipe, one) is not None and getattr(recipe, other) is None:
            raise ValueError(f"expected {other} beside {one} of {file}, got none: give it, or leave {one} out.")
    return recipe


def _fault(e: ValidationError, said: dict[str, Any], file: str | Path) -> str:
    """In words what is wrong with the first setting that is; unknown ones come first."""
    faults = e.errors()
    if unknown := [str(one["loc"][0]) for one in faults if one["type"] == "unexpected_keyword_argument"]:
        cure = "leave out what the run means the same without, else train by `blocktune train`."
        known = ", ".join(sorted(Recipe.__annotations__))
        return f"expected settings that this engine has, got {', '.join(sorted(unknown))} in {file}: {cure} Known are {known}."
    name = str(faults[0]["loc"][0])
    wanted = " or ".join(one["msg"] for one in faults if one["loc"][0] == name).replace(" or Input should be", " or")
    got = json.dumps(said[name]) if name in said else "none"
    return f"expected a sound {name} in {file} or its flags, got {got}: {wanted}{HINTS.get(name, '')}."
