/**
 * The rows of a published task's test file: `instruction`, `input`, `answer` (and `output`, which is not read). Any row that is not of
 * the task is an error that names file and row: a file of another task is taken for this one by nobody.
 */
import type { Source } from '../io/bytes.ts';
import { below, random } from '../random.ts';
import { mayAnswer, type Question, type Task } from '../tasks.ts';
import type { DataRecord } from './columns.ts';
import { readRecords } from './read.ts';

export interface TaskRow extends Question {
  /** Place in the file, from 0. */
  index: number;
}

/** The sound rows of a task's file, how many were left out, and what was wrong with the first. */
export async function readTask(
  source: Source,
  task: Task,
  skipBadRows = false,
): Promise<{ rows: TaskRow[]; bad: number; firstFault?: string }> {
  const { records } = await readRecords(source);
  const rows: TaskRow[] = [];
  const found: { bad: number; firstFault?: string } = { bad: 0 };
  records.forEach((read, index) => {
    const taken = read.fault ?? questionIn(read.record, task);
    if (typeof taken !== 'string') return rows.push({ index, ...taken });
    const fault = `${read.where}: ${taken}`;
    if (!skipBadRows) throw new Error(fault);
    found.bad++;
    found.firstFault ??= fault;
  });
  if (rows.length === 0) throw new Error(`expected a row of ${task.name}, got ${found.bad} others (first: ${found.firstFault})`);
  return { rows, ...found };
}

/** The question of a record, or what is wrong with it. */
function questionIn(record: DataRecord, task: Task): Question | string {
  const { instruction, input = '', answer } = record as Record<string, unknown>;
  const columns = Object.keys(record).join(', ') || 'none';
  if (typeof instruction !== 'string' || !(typeof answer === 'string' || typeof answer === 'number'))
    return `expected the columns instruction and answer as LLM-Adapters' test files have them, got ${columns}; give the task's test.json of AGI-Edgerunners/LLM-Adapters`;
  if (instruction.trim() === '') return 'expected an instruction, got an empty one; mend the row';
  if (input !== null && typeof input !== 'string') return 'expected input to be a text, got another value; mend the row';
  const said = String(answer);
  if (!mayAnswer(task, said))
    return `expected an answer of ${task.name} (${answersOf(task)}), got ${JSON.stringify(said)}; is it the file of another task?`;
  return { instruction, input: input ?? '', answer: said };
}

const answersOf = ({ words, letters }: Task) => words?.join(', ') ?? (letters ? 'A to E' : 'a number');

/** So many of the rows, drawn by the seed and in the order of the file: of fewer, some of those of more. */
export function someOf<T>(rows: readonly T[], limit: number | undefined, seed: number): T[] {
  if (limit === undefined || limit >= rows.length) return [...rows];
  const next = random(seed, 7);
  const order = rows.map((_, i) => i);
  for (let i = 0; i < limit; i++) {
    const j = i + below(rows.length - i, next);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order
    .slice(0, limit)
    .sort((a, b) => a - b)
    .map((i) => rows[i]);
}
