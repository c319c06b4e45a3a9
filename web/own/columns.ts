// Which column is which, as a form: the kinds of row, the roles of each, and what is chosen for them.

import type { Columns, Look } from '../../src/parts.ts';

/** Kinds of row by their roles; those that may be left empty end in a question mark. */
export const KINDS: { name: string; roles: string[] }[] = [
  { name: 'Prompt and completion', roles: ['prompt', 'completion', 'context?'] },
  { name: 'Instruction and output', roles: ['instruction', 'output', 'input?'] },
  { name: 'Messages', roles: ['messages'] },
  { name: 'ShareGPT', roles: ['conversations'] },
  { name: 'Text', roles: ['text'] },
  { name: 'Token ids', roles: ['input_ids', 'labels?'] },
];

export const roleOf = (role: string): string => role.replace('?', '');

/** The kind that columns make: the one whose first role they have. */
export function kindOf(columns: Columns | null): number {
  const at = KINDS.findIndex(({ roles }) => columns?.[roles[0]] !== undefined);
  return Math.max(0, at);
}

/** What is detected over all files; null where the first that says something is contradicted or none says it. */
export function detectedIn(looks: readonly Look[]): Columns | null {
  return looks.find(({ detected }) => detected !== null)?.detected ?? null;
}

/** All columns there are, in order. */
export const columnsIn = (looks: readonly Look[]): string[] => [...new Set(looks.flatMap(({ columns }) => columns))];

/** Whether every role that must have a column has one. */
export const isWhole = (kind: number, columns: Columns): boolean =>
  KINDS[kind].roles.every((role) => role.endsWith('?') || columns[role] !== undefined);

/** Columns of another kind: those that fit its roles by name stay, the rest is asked for. */
export function recast(kind: number, columns: Columns | null, names: readonly string[]): Columns {
  const out: Columns = {};
  for (const role of KINDS[kind].roles.map(roleOf)) {
    const column = columns?.[role] ?? names.find((name) => name === role);
    if (column !== undefined) out[role] = column;
  }
  return out;
}
