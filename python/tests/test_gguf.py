"""A quantized base: the same GGUF file is dequantized here and trained as it lies by blocktune, with the same curve."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

from conftest import blocktune, curve_of, of, off, train

SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}


@pytest.fixture(scope="module")
def quantizable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of random weights whose rows are whole blocks of 32."""
    place = tmp_path_factory.mktemp("gguf") / "model"
    torch.manual_seed(5)
    model = LlamaForCausalLM(LlamaConfig(vocab_size=256, max_position_embeddings=64, **SIZES))  # type: ignore[arg-type]
    for p in model.parameters():
        p.data.mul_(3 if p.ndim == 2 else 1)  # enough to learn from
    model.save_pretrained(place)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    words.pre_tokenizer, words.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    words.save(str(place / "tokenizer.json"))
    return place


@pytest.mark.parametrize("dtype", ["q8_0", "q4_0"])
def test_ten_steps_from_a_quantized_file_are_blocktunes(tmp_path: Path, quantizable: Path, rows_file: Any, dtype: str) -> None:
    file = tmp_path / "model.gguf"
    blocktune("export", "--model", quantizable, "--format", "gguf", "--dtype", dtype, "--out", file)
    assert file.stat().st_size < (quantizable / "model.safetensors").stat().st_size / 2
    rows = [{"input_ids": torch.randint(0, 256, (n,), generator=torch.Generator().manual_seed(n)).tolist()} for n in range(8, 20)]
    settings = {"data": [str(rows_file(rows))], "batch": 4, "steps": 10, "lr": 0.003, "budget": "20%t"}
    (tmp_path / "recipe.json").write_text(json.dumps({"model": str(file), **settings}))
    (tmp_path / "dense.json").write_text(json.dumps({"model": str(quantizable), **settings}))
    want = blocktune("train", tmp_path / "recipe.json", "--out", tmp_path / "there")
    got = train(1, tmp_path / "recipe.json", "--out", tmp_path / "here")
    assert off(curve_of(got), curve_of(want)) < 1e-5
    places = [
        [[b["layer"], b["module"], b["row"], b["col"]] for b in of(lines, "selection")[0]["blocks"]] for lines in (got, want)
    ]
    assert places[0] == places[1]
    assert off(curve_of(train(1, tmp_path / "dense.json"))[0], curve_of(want)[0]) > 1e-4  # the rounding of the file shows
    on = [json.loads((tmp_path / name / "adapter_config.json").read_text())["base"] for name in ("here", "there")]
    assert on[0] == on[1]  # hashes of the same values
