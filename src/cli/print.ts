// The report's lines on a terminal: as JSON on standard output, or as text on standard error.

import process from 'node:process';
import type { Line, Report } from '../tune/report.ts';

/** Lines that are for people alone and no part of the --json contract. */
const FOR_PEOPLE = new Set(['note', 'warning', 'device', 'start']);

export function printer({ json, quiet }: { json: boolean; quiet: boolean }): { report: Report; close: () => void } {
  const people = quiet ? () => {} : forPeople();
  const report: Report = (line) => {
    if (json && !FOR_PEOPLE.has(line.kind)) process.stdout.write(`${JSON.stringify(line)}\n`);
    if (!json || line.kind === 'warning') people(line);
  };
  return { report, close: () => {} };
}

function forPeople(): (line: Line) => void {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  return (line) => {
    if (line.kind === 'step')
      say(`step ${line.step}  loss ${line.loss.toFixed(4)}  ${((line.input_tokens / line.ms) * 1000).toFixed(0)} tokens/s`);
    else if (line.kind === 'warmup') say(`warm-up ${line.step}  loss ${line.loss.toFixed(4)}`);
    else if (line.kind === 'note' || line.kind === 'warning') say(line.text);
    else if (line.kind === 'generation') process.stdout.write(`${line.text}\n`);
    else if (line.kind !== 'start') say(JSON.stringify(line));
  };
}
