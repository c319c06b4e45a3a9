"""SMT by accelerate: accelerate launch with_accelerate.py MODEL ROWS.jsonl SELECTION.json OUT"""

import sys

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader
from transformers import AutoModelForCausalLM

from blocktune import save_adapter, smt
from blocktune.rows import collate, read_rows


def main(place: str, rows: str, selection: str, out: str) -> None:
    accelerator = Accelerator()
    model = AutoModelForCausalLM.from_pretrained(place)
    smt.prepare(model, smt.read_selection(selection))
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-3, betas=(0.9, 0.95), weight_decay=0)
    data = read_rows(rows, max_length=512, vocab_size=model.config.vocab_size)
    loader = DataLoader(data, batch_size=4, shuffle=True, collate_fn=collate)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for epoch in range(4):
        for batch in loader:
            loss = model(**batch).loss
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            optimizer.zero_grad()
        accelerator.print(f"epoch {epoch}: loss {loss.item():.4f}")
    save_adapter(accelerator.unwrap_model(model), out, write=accelerator.is_main_process)


if __name__ == "__main__":
    main(*sys.argv[1:5])
