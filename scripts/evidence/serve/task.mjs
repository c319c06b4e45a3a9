// A local task for lm-evaluation-harness, made of this repository's rows (prompt, completion): which of four completions a prompt has,
// by log-likelihood, and what is said by itself, up to the full stop.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const TASKS = ['which_one', 'says_it'];

/** Writes the rows and both tasks into a folder; rows of at most so many characters. */
export function writeTasks(folder, file, { rows, characters }) {
  mkdirSync(folder, { recursive: true });
  const all = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const some = all.filter(({ prompt, completion }) => prompt.length + completion.length <= characters).slice(0, rows);
  const lines = some.map(({ prompt, completion }, i) => {
    const others = [1, 2, 3].map((k) => some[(i + k) % some.length].completion);
    return JSON.stringify({ prompt, choices: others.toSpliced(i % 4, 0, completion), right: i % 4 });
  });
  writeFileSync(join(folder, 'rows.jsonl'), `${lines.join('\n')}\n`);
  const common = `dataset_path: json
dataset_kwargs:
  data_files:
    test: ${join(folder, 'rows.jsonl')}
test_split: test
doc_to_text: "{{prompt}}"
target_delimiter: ""
`;
  writeFileSync(
    join(folder, 'which_one.yaml'),
    `task: which_one
output_type: multiple_choice
${common}doc_to_choice: "{{choices}}"
doc_to_target: right
metric_list:
  - metric: acc
  - metric: acc_norm
`,
  );
  writeFileSync(
    join(folder, 'says_it.yaml'),
    `task: says_it
output_type: generate_until
${common}doc_to_target: "{{choices[right].strip().rstrip('.')}}"
generation_kwargs:
  until: ["."]
  max_gen_toks: 24
  do_sample: false
metric_list:
  - metric: exact_match
    regexes_to_ignore:
      - '^ +'
`,
  );
}
