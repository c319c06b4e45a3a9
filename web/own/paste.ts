// Pasted text: what kind of data it is, by its first lines, and a name that says so.

export const FORMS = ['jsonl', 'json', 'csv', 'tsv', 'txt'] as const;
export type Form = (typeof FORMS)[number];

export const FORM_NAMES: Record<Form, string> = {
  jsonl: 'JSON lines',
  json: 'JSON list',
  csv: 'CSV',
  tsv: 'TSV',
  txt: 'plain text',
};

/** What a text looks like. */
export function formOf(text: string): Form {
  const lines = text
    .trim()
    .split(/\r\n?|\n/)
    .filter((line) => line.trim() !== '');
  const [first = '', second] = lines;
  if (first.trimStart().startsWith('[')) return 'json';
  if (first.trimStart().startsWith('{')) return isJson(first) ? 'jsonl' : 'json';
  if (second === undefined) return 'txt';
  const cells = (delimiter: string) => lines.slice(0, 5).map((line) => line.split(delimiter).length);
  if (cells('\t').every((n, _, [of]) => n > 1 && n === of)) return 'tsv';
  // a header of short names, and as many cells or more below it: a comma within quotes makes more
  const [head, ...rest] = cells(',');
  const names = first.split(',').every((name) => /^[\s"]*[\w .-]{1,40}["\s]*$/.test(name));
  return head > 1 && names && rest.every((n) => n >= head) && !/[.!?]$/.test(first.trim()) ? 'csv' : 'txt';
}

/** The text as a file of that form. */
export const pastedFile = (text: string, form: Form) => ({ name: `pasted.${form}`, blob: new Blob([text]) });

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
