"""SMT by Hugging Face's Trainer: python trainer.py MODEL ROWS.jsonl SELECTION.json OUT"""

import sys

from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

from blocktune import save_adapter, smt
from blocktune.rows import collate, read_rows


def main(place: str, rows: str, selection: str, out: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(place)
    smt.prepare(model, smt.read_selection(selection))
    how = TrainingArguments(
        output_dir=f"{out}/trainer",
        max_steps=10,
        per_device_train_batch_size=4,
        learning_rate=5e-3,
        adam_beta2=0.95,
        lr_scheduler_type="linear",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        remove_unused_columns=False,
        use_cpu="cpu" in sys.argv,
    )
    data = read_rows(rows, max_length=512, vocab_size=model.config.vocab_size)
    Trainer(model, how, train_dataset=data, data_collator=collate).train()
    save_adapter(model, out)


if __name__ == "__main__":
    main(*sys.argv[1:5])
