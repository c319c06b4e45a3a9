// The tasks of the comparison on a real model, each { train, held, guard }: rows {prompt, completion}, shuffled by a fixed seed. guard is of
// another kind: what the model forgets meanwhile.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const HELD = 192;
const GUARD = 64;
const KINDS = 20;

/** By the name of the recipe, docs/recipes/smollm2-NAME.json. */
export const TASKS = {
  /** banking77's first 20 kinds of message. */
  banking: (data) => {
    const of = (name) => bankingRows(readFileSync(join(data, 'banking77', name), 'utf8'));
    return { train: of('train.csv'), held: of('test.csv').slice(0, HELD), guard: instructions(data).slice(0, GUARD) };
  },
  /** Messages to a telephone that are spam or not. */
  sms: (data) => {
    const rows = shuffled(lines(join(data, 'sms-spam/sms.jsonl')).map(JSON.parse)).map(({ text, label }) => ({
      prompt: `Message: ${text}\nKind:`,
      completion: ` ${label}`,
    }));
    return { train: rows.slice(HELD), held: rows.slice(0, HELD), guard: instructions(data).slice(0, GUARD) };
  },
  /** Short instructions with short answers; guard: children's stories. */
  instructions: (data) => {
    const rows = instructions(data);
    const guard = lines(join(data, 'tinystories/stories.jsonl')).slice(0, GUARD);
    return { train: rows.slice(HELD), held: rows.slice(0, HELD), guard: guard.map(JSON.parse) };
  },
};

const lines = (path) => readFileSync(path, 'utf8').trim().split('\n');

function instructions(data) {
  const rows = JSON.parse(readFileSync(join(data, 'instruct/rasbt-instruction-data.json'), 'utf8'));
  return shuffled(rows).map(({ instruction, input, output }) => ({
    prompt: `Instruction: ${instruction}\n${input ? `Input: ${input}\n` : ''}Answer:`,
    completion: ` ${output}`,
  }));
}

function bankingRows(csv) {
  const rows = csv.split('\n').slice(1).flatMap(rowOf);
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
