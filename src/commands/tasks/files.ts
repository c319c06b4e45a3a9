// The test files of published tasks among the places given: a file is a task's by its name, or because one task and one file are given;
// in a folder they lie as NAME-test.json, NAME/test.json (LLM-Adapters' own) or NAME.json, or with another ending of data.

import { type Folder, openPlace, type Source } from '../../io/bytes.ts';
import { plainName, type Task } from '../../tasks.ts';

const ENDINGS = ['json', 'jsonl', 'parquet', 'csv'];

/** The file of each task, opened; throws where one has none or several. */
export async function taskFiles(tasks: readonly Task[], places: readonly string[]): Promise<Source[]> {
  const opened: { place: string; at: { folder: Folder } | { source: Source } }[] = [];
  const files: Source[] = [];
  try {
    for (const place of places) opened.push({ place, at: await openPlace(place) });
    for (const task of tasks) files.push(await fileOf(task, opened, tasks.length === 1 && places.length === 1));
    return files;
  } catch (e) {
    await Promise.all(files.map((file) => file.close()));
    throw e;
  } finally {
    for (const { at } of opened) if ('source' in at && !files.includes(at.source)) await at.source.close();
  }
}

async function fileOf(task: Task, opened: { place: string; at: { folder: Folder } | { source: Source } }[], only: boolean) {
  const found: Source[] = [];
  for (const { place, at } of opened) {
    if ('folder' in at) {
      const file = await inFolder(task, at.folder);
      if (file) found.push(file);
    } else if (only || isNamed(task, place)) found.push(at.source);
  }
  if (found.length === 1) return found[0];
  const places = opened.map(({ place }) => place).join(', ');
  if (found.length === 0)
    throw new Error(
      `expected the test file of ${task.name} at ${places}, got none; give the file itself as --data, or a folder with ${task.name}-test.json or ${task.name}/test.json in it`,
    );
  throw new Error(`expected one test file of ${task.name}, got ${found.map((f) => f.name).join(' and ')}; leave one out`);
}

/** A task's file in a folder, its name in any spelling; in a place that cannot be listed, as the task writes itself. */
async function inFolder(task: Task, folder: Folder): Promise<Source | undefined> {
  const there = await folder.list();
  const stems = (there ?? [task.name, `${task.name}-test`])
    .map((name) => name.replace(/\.\w+$/, ''))
    .filter((stem) => [task.name, ...task.also].some((name) => [name, `${name}test`].map(plainName).includes(plainName(stem))));
  for (const stem of new Set(stems))
    for (const name of [...ENDINGS.map((ending) => `${stem}.${ending}`), ...ENDINGS.map((ending) => `${stem}/test.${ending}`)]) {
      const file = await folder.file(name);
      if (file) return file;
    }
  return undefined;
}

/** Whether a file goes by the name of a task: alone, or beside words such as test. */
function isNamed(task: Task, place: string): boolean {
  const parts = place.split(/[\\/]/).slice(-2).map(plainName);
  const own = [task.name, ...task.also].map(plainName);
  return own.some((name) => parts.at(-1)!.startsWith(name) || (parts.at(-1)!.startsWith('test') && parts[0] === name));
}
