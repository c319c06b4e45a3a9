"""Holds the rows of dump.ts (standard input) against the `tokenizers` package: the text tokenized whole, a token learned where
it overlaps a turn. Prints a line of JSON a tokenizer."""
import json, pathlib, sys
from tokenizers import Tokenizer

known, told = {}, {}
for line in sys.stdin:
    r = json.loads(line)
    if r["kind"] != "row": continue
    f = r["folder"]
    if f not in known: known[f] = Tokenizer.from_file(f + "/tokenizer.json"); told[f] = {"name": pathlib.Path(f).name, "rows": 0, "tokens": 0, "learned": 0, "off": []}
    e = known[f].encode(r["text"], add_special_tokens=False); t = told[f]
    point = lambda at: len(r["text"].encode("utf-16-le")[:2 * at].decode("utf-16-le"))
    spans = [(point(s["from"]), point(s["to"])) for s in r["spans"] if s["from"] < s["to"]]
    labels = [i if any(a < to and b > start for start, to in spans) else -100 for i, (a, b) in zip(e.ids, e.offsets)]
    t["rows"] += 1; t["tokens"] += len(labels); t["learned"] += sum(l != -100 for l in labels)
    if (e.ids, labels) != (r["ids"], r["labels"]): t["off"].append(r["name"])
for t in told.values(): print(json.dumps(t))
