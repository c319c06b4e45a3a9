// Advice on the learning rate where none was given: what is published for how much trains. What is published is the method's to say.

import type { Settled } from '../options/table.ts';
import { methodNamed } from '../parts.ts';
import type { Report } from '../report.ts';

/** The report, with the method's advice behind the line that says how much trains. */
export function withAdvice(o: Settled, report: Report): Report {
  const { advice } = methodNamed(o.method);
  if (!advice || o.given.lr !== undefined || o.preset) return report;
  return (line) => {
    report(line);
    if (line.kind === 'selection') report({ kind: 'note', text: advice(o.lr, line.share_targets) });
  };
}
