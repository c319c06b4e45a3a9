// What the engine says of settings, said in flags.

import { named } from '../options/named.ts';
import { flagOf } from '../options/table.ts';
import type { Line } from '../report.ts';

/** A message with each setting as its flag. */
export const inFlags = (text: string): string => named(text, flagOf);

/** A line whose words are the engine's own, so said; a model's words and what files hold stay as they are. */
export function lineInFlags(line: Line): Line {
  if (line.kind === 'note' || line.kind === 'warning') return { ...line, text: inFlags(line.text) };
  if (line.kind === 'file' && line.error !== null) return { ...line, error: inFlags(line.error) };
  return line;
}
