"""What llama.cpp makes of a GGUF, as JSON: python3 llama.py FILE ROWS PROMPTS N. Of rows (lists of ids) the log-probability of every
token after the first, of prompts the N ids that it takes greedily. Keys and values are kept in f32."""
import json
import sys

import numpy as np
from llama_cpp import GGML_TYPE_F32, Llama

file, rows, prompts, n = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3]), int(sys.argv[4])
longest = max([len(r) for r in rows] + [len(p) + n for p in prompts])
llama = Llama(file, n_ctx=max(longest, 64), n_batch=max(longest, 64), logits_all=True, verbose=False, n_threads=2,
              type_k=GGML_TYPE_F32, type_v=GGML_TYPE_F32, flash_attn=False)


def logits(ids, past=0):
    llama.eval(ids)
    return llama.scores[past:past + len(ids)].astype(np.float64)


def logprobs(ids):
    llama.reset()
    x = logits(ids)[:-1]
    top = x.max(axis=1, keepdims=True)
    x = x - top - np.log(np.exp(x - top).sum(axis=1, keepdims=True))
    return [float(x[i, t]) for i, t in enumerate(ids[1:])]


def greedy(ids):
    llama.reset()
    x, out, past = logits(ids)[-1], [], len(ids)
    for _ in range(n):
        out.append(int(x.argmax()))
        x = logits(out[-1:], past)[-1]
        past += 1
    return out


texts = json.loads(sys.argv[5]) if len(sys.argv) > 5 else []
print(json.dumps({
    "logprobs": [logprobs(r) for r in rows],
    "greedy": [greedy(p) for p in prompts],
    "ids": [llama.tokenize(t.encode(), add_bos=True, special=False) for t in texts],
}))
