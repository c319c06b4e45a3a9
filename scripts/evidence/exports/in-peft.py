"""What PEFT makes of an adapter of blocks that was exported as a LoRA: python3 in-peft.py BASE LORA MERGED. As JSON the largest difference of
a logit from those of the model merged here, that of the base from it, and the rank."""
import json
import sys

import torch
from peft import PeftConfig, PeftModel
from transformers import AutoModelForCausalLM

base, lora, merged = sys.argv[1:]


def load(place):
    return AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)


plain, want = load(base), load(merged)
ids = torch.tensor([[3 + (7919 * (i + 1)) % (plain.config.vocab_size - 3) for i in range(24)]])
with torch.no_grad():
    before, meant = plain(ids).logits, want(ids).logits
    got = PeftModel.from_pretrained(plain, lora)(ids).logits
print(json.dumps({
    "worst": (got - meant).abs().max().item(),
    "base": (before - meant).abs().max().item(),
    "rank": PeftConfig.from_pretrained(lora).r,
}))
