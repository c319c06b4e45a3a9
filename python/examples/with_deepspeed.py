"""SMT by DeepSpeed, with deepspeed.json beside: deepspeed with_deepspeed.py MODEL ROWS.jsonl SELECTION.json OUT"""

import sys
from pathlib import Path

import deepspeed
from transformers import AutoModelForCausalLM

from blocktune import save_adapter, smt
from blocktune.rows import collate, read_rows


def main(place: str, rows: str, selection: str, out: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(place)
    smt.prepare(model, smt.read_selection(selection))
    trained = [p for p in model.parameters() if p.requires_grad]
    data = read_rows(rows, max_length=512, vocab_size=model.config.vocab_size)
    config = str(Path(__file__).with_name("deepspeed.json"))
    engine, _, loader, _ = deepspeed.initialize(
        model=model, model_parameters=trained, training_data=data, collate_fn=collate, config=config
    )
    for epoch in range(4):
        for batch in loader:
            loss = engine(**{name: values.to(engine.device) for name, values in batch.items()}).loss
            engine.backward(loss)
            engine.step()
        print(f"epoch {epoch}: loss {loss.item():.4f}")
    save_adapter(model, out, write=engine.global_rank == 0)


if __name__ == "__main__":
    main(*sys.argv[1:5])
