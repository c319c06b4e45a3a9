// Published tasks in the terminal: a line a task, and two models on the same rows.

import type { Line } from '../report.ts';
import { grouped, rate, several } from '../words.ts';

const share = (x: number) => `${(100 * x).toFixed(1)} %`;

/** "boolq  61.3 % (59.6 to 63.0)  2,005 of 3,270, 12 unread  llm-adapters, greedy, 32 tokens". */
export function taskWords(line: Extract<Line, { kind: 'task' }>): string {
  const { task, model, accuracy, low, high, right, rows, unread, cut, tokens, seconds } = line;
  const counts = [`${grouped(right)} of ${grouped(rows)}`, unread && `${unread} unread`, cut && `${cut} cut`].filter(Boolean);
  const speed = tokens && seconds ? `, ${rate(tokens / seconds)} tokens/s of prompts` : '';
  const name = `${task}${model ? ` (${model})` : ''}`;
  return `${name.padEnd(14)} ${share(accuracy)} (${share(low)} to ${share(high)})  ${counts.join(', ')}  ${line.form}, ${line.decoding}${speed}`;
}

/** "boolq  61.3 % -> 64.0 %, 120 gained, 31 lost, p 0.002 (McNemar, exact)". */
export function pairedWords({ task, rows, base, tuned, gained, lost, p }: Extract<Line, { kind: 'paired' }>): string {
  const likely = p < 0.0001 ? 'p < 0.0001' : `p ${p.toPrecision(2)}`;
  return `${task.padEnd(14)} ${share(base / rows)} -> ${share(tuned / rows)}  ${gained} gained, ${lost} lost of ${several(rows, 'row')}, ${likely} (McNemar, exact)`;
}
