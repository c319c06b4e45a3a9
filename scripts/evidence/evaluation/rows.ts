// The rows of a task's training file as its prompts ask them: `rows.ts FROM TO` writes prompt and completion, a JSON line each.
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { taskPrompt } from '../../../src/tasks.ts';

const [from, to] = process.argv.slice(2);
const rows: { instruction: string; input: string; output: string }[] = JSON.parse(readFileSync(from, 'utf8'));
const lines = rows.map((row) => JSON.stringify({ prompt: taskPrompt('smt', row), completion: row.output }));
writeFileSync(to, `${lines.join('\n')}\n`);
