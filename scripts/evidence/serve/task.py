"""Writes a local task for lm-evaluation-harness, made of rows: which of four goes on from a beginning, and what comes next.

    python3 task.py ROWS.jsonl FOLDER COUNT
"""

import json
import sys
from pathlib import Path

rows, folder, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
texts = [json.loads(line)["text"].split() for line in rows.read_text().splitlines() if line.strip()]
texts = [words for words in texts if len(words) > 50][:count]
ends = [" ".join(words[30:42]) for words in texts]
with (folder / "rows.jsonl").open("w") as out:
    for i, words in enumerate(texts):
        others = [ends[(i + k) % len(ends)] for k in (1, 2, 3)]
        choices = others[: i % 4] + [ends[i]] + others[i % 4 :]
        out.write(json.dumps({"begins": " ".join(words[:30]), "choices": choices, "right": i % 4}) + "\n")

COMMON = f"""
dataset_path: json
dataset_kwargs:
  data_files:
    test: {folder / "rows.jsonl"}
test_split: test
doc_to_text: "{{{{begins}}}}"
"""
(folder / "goes_on.yaml").write_text(
    "task: goes_on\noutput_type: multiple_choice\n"
    + COMMON
    + 'doc_to_choice: "{{choices}}"\ndoc_to_target: right\n'
    + "metric_list:\n  - metric: acc\n  - metric: acc_norm\n"
)
(folder / "says_next.yaml").write_text(
    "task: says_next\noutput_type: generate_until\n"
    + COMMON
    + 'doc_to_target: "{{choices[right]}}"\n'
    + 'generation_kwargs:\n  until: ["."]\n  max_gen_toks: 24\n  do_sample: false\n'
    + "metric_list:\n  - metric: exact_match\n"
)
