// Answers written as they come, a JSON line each, and read again to go on from. A line says of which run it is, so that none is taken
// for another's; a line that was cut off when a run was killed is made again.

import { nodeFs, openPlace, readText } from '../../io/bytes.ts';
import { checkFile, writeFile } from '../../io/write.ts';
import type { Line } from '../../report.ts';

export type AnswerLine = Extract<Line, { kind: 'answer' }>;
/** A line of the file: of which model, prompt form and decoding it is. */
type Written = AnswerLine & { run: string };

export interface Journal {
  /** The answer that stands there already. */
  has(run: string, task: string, index: number): AnswerLine | undefined;
  add(run: string, line: AnswerLine): Promise<void>;
  close(): Promise<void>;
}

/** Answers at `path`, or nowhere; resume: those that are there stay, and are answered from, where any is of these runs. */
export async function openJournal(
  path: string | undefined,
  runs: readonly string[],
  o: { resume?: boolean; force?: boolean },
): Promise<Journal> {
  if (path === undefined) return { has: () => undefined, add: async () => {}, close: async () => {} };
  const { open, stat } = await nodeFs();
  const there = (await stat(path).catch(() => undefined)) !== undefined;
  const kept = o.resume && there ? await answersIn(path, true) : [];
  if (kept.length && !kept.some(({ run }) => runs.includes(run)))
    throw new Error(
      `expected answers of (${runs[0]}) in ${path}, got those of (${kept[0].run}); give the options that they were made with, or another --out`,
    );
  if (o.resume) await writeFile(path, kept.map(lineOf).join(''), { force: true });
  else if (there && !o.force)
    throw new Error(
      `expected nothing at ${path}, got an existing file; go on from its answers by --resume, choose another place, or add --force`,
    );
  else {
    await checkFile(path, o);
    await writeFile(path, '', o);
  }
  const found = new Map(kept.map((line) => [keyOf(line.run, line.task, line.index), line]));
  const handle = await open(path, 'a');
  return {
    has: (run, task, index) => {
      const line = found.get(keyOf(run, task, index));
      if (!line) return undefined;
      const { run: _, ...answer } = line;
      return answer;
    },
    add: async (run, line) => handle.writeFile(lineOf({ ...line, run })),
    close: () => handle.close(),
  };
}

const keyOf = (run: string, task: string, index: number) => JSON.stringify([run, task, index]);
// some readers (Python's splitlines) begin another line at these too, which JSON leaves as they are
const lineOf = (line: Written) =>
  `${JSON.stringify(line).replace(/[\u0085\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;

/** All answers of a file; torn: what stands in its last line may be half an answer, and is left out. */
export async function answersIn(path: string, torn = false): Promise<Written[]> {
  const place = await openPlace(path);
  if (!('source' in place)) throw new Error(`expected a file of answers at ${path}, got a folder; name the file`);
  const text = await readText(place.source).finally(() => place.source.close());
  const whole = text.split('\n');
  const last = whole.pop()!;
  if (last && !torn) whole.push(last);
  return whole.map((line, i) => {
    try {
      const read = JSON.parse(line) as Written;
      if (read.kind === 'answer' && typeof read.run === 'string' && typeof read.right === 'boolean') return read;
    } catch {}
    throw new Error(
      `expected an answer of eval --task in each line of ${path}, got another text in line ${i + 1}; name the file that --out wrote`,
    );
  });
}
