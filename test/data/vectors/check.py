"""Holds what dump.ts wrote against the `tokenizers` package: the text tokenized whole, a token learned where it overlaps a turn.

usage: python check.py turns.jsonl
"""
import collections, json, pathlib, sys
from tokenizers import Tokenizer

known, rows, wrong = {}, collections.Counter(), collections.Counter()
for line in open(sys.argv[1], encoding="utf-8"):
    r = json.loads(line); f = r["folder"]
    t = known.setdefault(f, None) or known.__setitem__(f, Tokenizer.from_file(f + "/tokenizer.json")) or known[f]
    e = t.encode(r["text"], add_special_tokens=False)
    point = lambda at: len(r["text"].encode("utf-16-le")[:2 * at].decode("utf-16-le"))
    spans = [(point(s["from"]), point(s["to"])) for s in r["spans"] if s["from"] < s["to"]]
    labels = [i if any(a < to and b > start for start, to in spans) else -100 for i, (a, b) in zip(e.ids, e.offsets)]
    rows[f] += 1
    if (e.ids, labels) != (r["ids"], r["labels"]): wrong[f] += 1; print("differs:", f, r["name"], repr(r["text"][-60:]))
for f in rows: print(f"{pathlib.Path(f).name}: {rows[f]} conversations, {wrong[f]} differ")
sys.exit(1 if wrong else 0)
