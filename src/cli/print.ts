// The report's lines on their way out: as JSON on standard output, or for people; both never mix on standard output.

import process from 'node:process';
import type { Line, Report } from '../report.ts';
import { cleaned, cleanJson } from './clean.ts';
import type { Command } from './command.ts';
import { lineInFlags } from './flags.ts';
import { forPeople } from './people.ts';
import { progress } from './progress.ts';
import { standardError, unpainted } from './terminal.ts';

/** Lines that are for people alone and no part of the --json contract. */
const FOR_PEOPLE: Line['kind'][] = ['note', 'warning', 'device', 'model', 'start', 'progress'];

/** What --quiet leaves: what was asked for, and what should not go unseen. */
const LOUD: Line['kind'][] = [
  'warning',
  'task',
  'leak',
  'paired',
  'generation',
  'example',
  'row',
  'file',
  'skills',
  'comparison',
  'replay',
];

export function printer(command: Command): { report: Report; close: () => void } {
  const { json, quiet } = command.options;
  const t = standardError();
  const shown = progress(quiet || json ? { ...t, live: false } : t);
  const to = (stream: { write(text: string): unknown }) => (text: string) => {
    shown.aside(() => stream.write(`${text}\n`));
  };
  // painted for standard error: where that is a terminal and standard output is none, the paint comes off
  const raw = to(process.stdout);
  const answer = process.stdout.isTTY || !t.colors ? raw : (text: string) => raw(unpainted(text));
  const people = forPeople(t, command, shown, { tell: to(process.stderr), answer, raw });
  const loud = ({ kind }: Line) => LOUD.includes(kind) || kind === command.verb; // the figures of eval, the table of plan
  const report: Report = (told) => {
    const line = lineInFlags(told);
    if (json && !FOR_PEOPLE.includes(line.kind)) process.stdout.write(`${cleanJson(line)}\n`);
    if (json ? line.kind === 'warning' : !quiet || loud(line)) people.line(cleaned(line));
  };
  return { report, close: people.close };
}
