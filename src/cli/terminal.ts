// What the terminal at standard error can show: colours, characters beyond ASCII, its width. And how to paint and measure text.

import process from 'node:process';
import { stripVTControlCharacters } from 'node:util';
import cliTruncate from 'cli-truncate';
import stringWidth from 'string-width';
import wrapAnsi from 'wrap-ansi';

export interface Terminal {
  /** A person is watching: lines may be drawn over. */
  live: boolean;
  /** Colours: none, the sixteen of old, or 256. */
  colors: 0 | 16 | 256;
  /** Blocks, shades and braille are shown as such. */
  unicode: boolean;
  width: number;
}

/** Without a terminal, under NO_COLOR or TERM=dumb no control characters are written. */
export function terminal(env: Record<string, string | undefined>, stream: { isTTY?: boolean; columns?: number }): Terminal {
  const { TERM = '', NO_COLOR, COLORTERM, LC_ALL, LC_CTYPE, LANG } = env;
  const live = stream.isTTY === true && TERM !== 'dumb';
  const many = COLORTERM !== undefined || /256|kitty|direct/.test(TERM);
  const locale = LC_ALL || LC_CTYPE || LANG || '';
  return {
    live,
    colors: live && !NO_COLOR ? (many ? 256 : 16) : 0,
    // a container without a locale is mostly looked at through a terminal that has one
    unicode: locale ? /utf-?8/i.test(locale) : TERM !== 'linux',
    width: Math.max(40, Math.min(stream.columns ?? 80, 120)),
  };
}

export const standardError = () => terminal(process.env, process.stderr);

/** Columns of a line's label. */
export const LABEL = 9;

export type Ink = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';
const CODES: Record<Ink, number> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 };

export function paint(t: Terminal, ink: Ink, text: string): string {
  return t.colors && text ? `\x1b[${CODES[ink]}m${text}\x1b[0m` : text;
}

/** Text in colour `front` of the 256, on `back` where given. */
export function paint256(front: number, text: string, back?: number): string {
  return `\x1b[38;5;${front}${back === undefined ? '' : `;48;5;${back}`}m${text}\x1b[0m`;
}

/** A text without its colours. */
export const unpainted = stripVTControlCharacters;

/** Columns that a text takes: two for CJK and emoji, none for marks that combine. */
export const widthOf = (text: string) => stringWidth(text);

/** Text padded with spaces to a width, at its end or before it. */
export const padded = (text: string, width: number) => text + ' '.repeat(Math.max(0, width - widthOf(text)));
export const paddedStart = (text: string, width: number) => ' '.repeat(Math.max(0, width - widthOf(text))) + text;

/** A text of one line in at most `width` columns; one that is cut ends in dots. */
export function fitted(t: Terminal, text: string, width: number): string {
  const dots = t.unicode ? '…' : '..';
  const line = text.replace(/\s+/g, ' ').trim();
  const cut = (room: number) => cliTruncate(line, room, { truncationCharacter: dots.slice(0, Math.max(1, room)) });
  return widthOf(cut(width)) > width ? cut(width - 1) : cut(width); // it may keep a wide character whose second half is over the edge
}

/** Lines of at most `width` columns, broken at spaces; a word that is longer is broken too. */
export const wrapped = (text: string, width: number) => wrapAnsi(text, width, { hard: true }).split('\n');

/** Lines of parts that are not broken, as many as fit side by side. */
export function flowed(parts: string[], gap: string, width: number): string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last + gap + part) <= width) lines[lines.length - 1] = last + gap + part;
    else lines.push(part);
  }
  return lines;
}

/** Columns of a table in groups that fit beside its first one, each of them at least one. */
export function fitting(widths: number[], first: number, width: number): number[][] {
  const groups: number[][] = [];
  let taken = width;
  for (const [i, w] of widths.entries()) {
    if (taken + w > width) {
      groups.push([]);
      taken = first;
    }
    groups.at(-1)!.push(i);
    taken += w;
  }
  return groups;
}

/** What is done of a whole, as a bar of `width` columns. */
export function bar(t: Terminal, share: number, width: number): string {
  const done = Math.max(0, Math.min(width, Math.round(share * width)));
  if (!t.unicode) return `[${'='.repeat(Math.max(0, done - 1))}${done ? '>' : ''}${' '.repeat(width - done)}]`;
  return paint(t, 'cyan', '━'.repeat(done)) + paint(t, 'dim', (t.colors ? '━' : '─').repeat(width - done));
}

/** A curve in one line: the means of `width` runs of the values, or each value where there are fewer. */
export function sparkline(t: Terminal, values: readonly number[], width: number): string {
  const known = values.filter(Number.isFinite);
  const n = Math.min(width, known.length);
  const means = Array.from({ length: n }, (_, i) => {
    const part = known.slice(Math.floor((i * known.length) / n), Math.floor(((i + 1) * known.length) / n));
    return part.reduce((a, b) => a + b, 0) / part.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const steps = t.unicode ? '▁▂▃▄▅▆▇█' : '_.-~=+*#';
  return means.map((x) => steps[high > low ? Math.round(((x - low) / (high - low)) * (steps.length - 1)) : 3]).join('');
}
