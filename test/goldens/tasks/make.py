"""What transformers says where eval --task answers: choices by log-probability, greedy with a repetition penalty, beams with and without.

Run in this folder: python3 make.py STORIES, where STORIES is stories260K as a Hugging Face folder. Needs torch, transformers. Writes
golden.json: for the family llama3 of the goldens beside it and for stories260K, prompts as token ids with their answers, in f32 by
transformers' own generate(). What f64 answers otherwise is left out: a sound engine in f32 passes by right.
"""
import json, pathlib, random, sys
import torch
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
SETTINGS = [dict(num_beams=1, repetition_penalty=1.3), dict(num_beams=4, repetition_penalty=1.0),
            dict(num_beams=4, repetition_penalty=1.1), dict(num_beams=2, repetition_penalty=1.0), dict(num_beams=3, repetition_penalty=2.0)]
torch.set_num_threads(1)


def prompts(model, count, longest, rng):
    """Random prompts of unlike lengths; of stories260K beginnings of what it writes itself, so that answers end."""
    if model.config.vocab_size != 512:
        return [[rng.randrange(3, model.config.vocab_size) for _ in range(rng.randrange(1, longest))] for _ in range(count)]
    torch.manual_seed(1)
    text = model.generate(torch.tensor([[1]] * count), do_sample=True, max_new_tokens=400, pad_token_id=0, eos_token_id=None)
    return [t[: rng.randrange(20, 300)].tolist() for t in text]


def said(model, prompt, eos, new, **settings):
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=new, eos_token_id=eos, pad_token_id=0, **settings)
    out = out[0, len(prompt):].tolist()
    ends = [i for i, id in enumerate(out) if id in eos]
    return out[: ends[0] + 1] if ends else out


@torch.no_grad()
def logprobs(model, prompt, ways):
    def one(way):
        logits = model(torch.tensor([prompt + way])).logits[0].double().log_softmax(-1)
        return sum(logits[len(prompt) - 1 + i, id].item() for i, id in enumerate(way))
    return [one(way) for way in ways]


def ways_of(V, rng):
    """Ways that differ in their last token, as the published choices do, and ways that part before it."""
    stem = [rng.randrange(3, V) for _ in range(4)]
    ends = rng.sample(range(3, V), 4)
    return [stem + [end] for end in ends], [stem + [ends[0]], stem[:2] + ends[:3], [ends[1]], stem + [ends[2]]]


def golden(name, folder, count, longest, new, eos):
    rng = random.Random(7)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64).eval()
    V = plain.config.vocab_size
    asked = prompts(plain, count, longest, rng)
    searches = []
    for settings in SETTINGS:
        pairs = [(p, said(plain, p, eos, new, **settings)) for p in asked]
        sure = [dict(prompt=p, ids=ids) for p, ids in pairs if ids == said(exact, p, eos, new, **settings)]
        print(name, settings, len(sure), "of", count, "ended", sum(r["ids"][-1] in eos for r in sure))
        searches.append(dict(beams=settings["num_beams"], penalty=settings["repetition_penalty"], rows=sure))
    asks = [dict(prompt=p, ways=ways, logprobs=logprobs(exact, p, ways)) for p in asked for ways in ways_of(V, rng)]
    return dict(eos=eos, new=new, searches=searches, asks=asks)


llama3 = HERE.parent / "llama3" / "model"
made = {
    "llama3": golden("llama3", llama3, 3, 60, 14, [5, 17, 40]),
    # its end, and a full stop as another, so that beams of unlike length meet
    "stories260K": golden("stories260K", sys.argv[1], 2, 0, 24, [2, 426]),
}
(HERE / "golden.json").write_text(json.dumps(made) + "\n")
