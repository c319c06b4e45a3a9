// Rows of banking77's first 20 kinds of message, in an order shuffled by a fixed seed, so that a few of them are of all kinds alike.
import { readFileSync } from 'node:fs';

const KINDS = 20;

/** The rows of a file `text,category`: {prompt, completion}. */
export function rowsOfBanking(path) {
  const rows = readFileSync(path, 'utf8').split('\n').slice(1).flatMap(rowOf);
  const kinds = [...new Set(rows.map(({ kind }) => kind))].sort().slice(0, KINDS);
  return shuffled(rows.filter(({ kind }) => kinds.includes(kind))).map(({ text, kind }) => ({
    prompt: `Message: ${text}\nTopic:`,
    completion: ` ${kind.replaceAll('_', ' ')}`,
  }));
}

/** A text with a comma or a quote stands in quotes; one that goes over several lines is left out. */
function rowOf(line) {
  const [, quoted, plain, kind] = /^(?:"((?:[^"]|"")*)"|([^",]*)),([a-zA-Z_?]+)\s*$/.exec(line) ?? [];
  return kind ? [{ text: (quoted ?? plain).replaceAll('""', '"').trim(), kind }] : [];
}

/** Fisher and Yates with Park and Miller's generator from 1. */
function shuffled(rows) {
  let state = 1;
  for (let i = rows.length - 1; i > 0; i--) {
    state = (state * 16807) % 2147483647;
    const j = state % (i + 1);
    [rows[i], rows[j]] = [rows[j], rows[i]];
  }
  return rows;
}
