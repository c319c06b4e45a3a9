/**
 * How many questions of a test stand in training data: those whose words, in whatever case and spacing, are among the words of any text of
 * any row. Rows of any form: every text in them counts, however deep.
 */
import type { Source } from '../io/bytes.ts';
import { readRecords } from './read.ts';

const plain = (text: string) => text.toLowerCase().replace(/\s+/g, ' ').trim();

/** For each question whether it stands in the rows of the files. */
export async function leaked(sources: readonly Source[], questions: readonly string[]): Promise<boolean[]> {
  const wanted = questions.map(plain);
  const found = wanted.map(() => false);
  for (const source of sources) {
    const { records } = await readRecords(source);
    const texts = new Set(records.flatMap((read) => (read.fault === undefined ? textsIn(read.record) : [])).map(plain));
    const all = [...texts].join('\n');
    wanted.forEach((question, i) => {
      found[i] ||= question !== '' && (texts.has(question) || all.includes(question));
    });
  }
  return found;
}

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}
