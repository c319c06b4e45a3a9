// Does SMT hold its own on a real model? The recipes docs/recipes/smollm2-*.json on three tasks, and of what is finished the table of
// docs/compare.md and docs/results/smollm2.json: minutes a run on a processor, seconds on a GPU. It goes on where it was stopped, here
// with the runs under FOLDER, elsewhere with the methods of which docs/results/smollm2.json has not every run.
// Words: MODEL DATA FOLDER [TASK...]; DATA holds banking77, sms-spam, instruct and tinystories, a folder each. No TASK: all of them.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TASKS } from './compare/rows.mjs';
import { finished, isComplete, writeTable } from './compare/table.mjs';
import { root } from './tables/differential.mjs';

export async function run([model, data, folder, ...tasks]) {
  if (!folder) throw new Error('expected MODEL DATA FOLDER, got fewer words');
  process.on('SIGINT', () => {}); // the comparison stops by itself; what is finished makes the table
  let status = 0;
  for (const task of tasks.length ? tasks : Object.keys(TASKS)) {
    if (!prepare(join(folder, task), task, data)) continue;
    const words = [join(root, 'scripts/blocktune.mjs'), 'compare', 'recipe.json', '--model', resolve(model), '--out', 'out'];
    const child = spawn(process.execPath, words, { cwd: join(folder, task), stdio: 'inherit' });
    status = await new Promise((done) => child.on('close', done));
    writeTable(finished(folder, Object.keys(TASKS)));
    if (status !== 0) break;
  }
  return status;
}

/** The rows of a task, and its recipe with the methods that have runs to come, in a folder of its own; whether there are any. */
export function prepare(folder, task, data) {
  mkdirSync(folder, { recursive: true });
  for (const [name, rows] of Object.entries(TASKS[task](data))) {
    const file = join(folder, `${name}.jsonl`);
    if (!existsSync(file)) writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
  const recipe = JSON.parse(readFileSync(join(root, `docs/recipes/smollm2-${task}.json`), 'utf8'));
  const methods = recipe.methods.filter((method) => !isComplete(task, recipe, method));
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify({ ...recipe, methods }, null, 1));
  return methods.length > 0;
}
