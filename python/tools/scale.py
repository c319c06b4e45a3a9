"""The table of docs/scale.md, by computation: python tools/scale.py

What a device holds and what a step says over the wire, for Llamas of 1B, 8B and 70B on 1, 8 and 64 GPUs. Weights in bf16, the blocks
of 0.84 % in f32; activations are those that `blocktune plan` counts for a micro-batch of 4 rows of 2,048 tokens with layers made again.
Bytes of a collective are those of the whole tensor that it reduces or gathers. test_scale.py holds `traffic` against what processes say.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import LlamaConfig, LlamaForCausalLM

from blocktune.targets import block_edge, bought, targets_of

ROOT = Path(__file__).parents[2]
WORLDS = (1, 8, 64)
LLAMA = {"vocab_size": 128256, "rms_norm_eps": 1e-5, "num_key_value_heads": 8, "max_position_embeddings": 8192}
MODELS: dict[str, dict[str, Any]] = {
    "1B": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32, "head_dim": 64},
    "8B": {"hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32},
    "70B": {"hidden_size": 8192, "intermediate_size": 28672, "num_hidden_layers": 80, "num_attention_heads": 64},
}


@dataclass(frozen=True)
class Sizes:
    """Elements of a model: of all of it, of what lies in its layers, of the largest layer, and of the blocks that train."""

    params: int
    layers: int
    layer: int
    trained: int
    width: int = 2  # bytes of a frozen weight

    @property
    def around(self) -> int:
        return self.params - self.layers


def sizes_of(model: Any, block: int | str = "auto", width: int = 2) -> Sizes:
    """Of a model, which may be on the meta device; with blocks on its q, k and v."""
    count = lambda module: sum(p.numel() for p in module.parameters())  # noqa: E731
    layers: list[nn.Module] = list(model.model.layers)
    targets = targets_of(model, ("q", "k", "v"))
    edge = block_edge(targets, block)
    blocks = sum(n for _, n in bought(model, targets, "0.84%", edge))
    return Sizes(count(model), sum(map(count, layers)), max(map(count, layers)), blocks * edge * edge, width)


def traffic(s: Sizes, way: str) -> dict[str, int]:
    """Bytes that are reduced and gathered in a step of one micro-batch on more than one process, by way of sharing.

    DDP reduces the blocks' gradients, or all of them (full). FSDP2 gathers a layer for its forward and its backward, what is around the
    layers once; sharded blocks are gathered before their forward, and their gradient is reduced to whoever holds them.
    """
    reduced = 4 * (s.params if way == "full" else s.trained)
    gathered = s.width * (2 * s.layers + s.around) if way.startswith("fsdp") else 0
    return {"reduced": reduced, "gathered": gathered + (reduced if way == "fsdp-blocks" else 0)}


def held(s: Sizes, way: str, world: int, activations: int) -> int:
    """Bytes of a device: weights, differences with gradients and two moments, activations, and what FSDP2 has gathered at a time."""
    blocks = 16 * s.trained
    if way == "ddp" or world == 1:
        return s.width * s.params + blocks + activations
    gathered = s.width * (s.around + 2 * s.layer)  # the next layer comes while one computes
    return s.width * s.params // world + gathered + (blocks // world if way == "fsdp-blocks" else blocks) + activations


def planned(config: dict[str, Any]) -> tuple[int, int]:
    """Bytes by `blocktune plan` of a model's config: activations with what is temporary, and all of a device."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "config.json").write_text(json.dumps(config))
        words = f"plan --model {place} --base bf16 --batch 4 --max-length 2048 --recompute on --optimizer adamw --json".split()
        ran = subprocess.run(["node", str(ROOT / "scripts" / "blocktune.mjs"), *words], capture_output=True, text=True, cwd=ROOT)
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    plans = [json.loads(line) for line in ran.stdout.splitlines()]
    [b] = [line["bytes"] for line in plans if line["kind"] == "plan" and line["program"] == "train" and line["recompute"]]
    return sum(b[key] for key in ("activations", "temporaries", "logits", "other")), b["total"]


def table() -> str:
    head = ["model", "weights", "D, gradients, moments", "activations", "one device, by `plan`", "GPUs"]
    head += ["DDP holds", "FSDP2 holds", "FSDP2, blocks cut, holds"]
    head += ["blocks' gradients reduced a step", "FSDP2 gathers a step", "full fine-tuning reduces a step"]
    lines = [head, ["---"] * len(head)]
    for name, shape in MODELS.items():
        config = LlamaConfig(**LLAMA, **shape, rope_theta=500000.0, tie_word_embeddings=name == "1B")  # type: ignore[arg-type]
        with torch.device("meta"):
            s = sizes_of(LlamaForCausalLM(config))
        said = config.to_dict() | {"architectures": ["LlamaForCausalLM"], "dtype": "bfloat16", "rope_theta": 500000.0}
        activations, whole = planned(said)
        for world in WORLDS:
            what = [gb(2 * s.params), gb(16 * s.trained), gb(activations), gb(whole)] if world == 1 else [""] * 4
            holds = [gb(held(s, way, world, activations)) for way in ("ddp", "fsdp", "fsdp-blocks")]
            says = [gb(traffic(s, "ddp")["reduced"]), gb(traffic(s, "fsdp")["gathered"]), gb(traffic(s, "full")["reduced"])]
            lines.append([name if world == 1 else "", *what, str(world), *holds, *(says if world > 1 else ["0", "0", "0"])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"


if __name__ == "__main__":
    print(table())
    sys.exit(0)
