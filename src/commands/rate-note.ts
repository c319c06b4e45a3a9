// Guidance on the learning rate where none was given: what is published for how much trains, and why the default is what it is.
// The presets themselves are options (options/presets.ts).

import { publishedRate } from '../options/presets.ts';
import type { Settled } from '../options/table.ts';
import type { Report } from '../report.ts';

/**
 * A note on the default learning rate of SMT for a share (0 to 1) of the target blocks; null where a rate was given, by a flag or
 * a preset. The default, 1e-4, is what a later comment in SMT's released code prefers to its own 9.65e-6: ten times that code's,
 * and still below everything that the guide found to work on 1B models, so that it may be slow but does not break a model.
 */
export function rateNote(o: Settled, share_targets: number): string | null {
  if (o.method !== 'smt' || o.given.lr !== undefined || o.preset) return null;
  const published = publishedRate(share_targets);
  const share = Number((100 * share_targets).toPrecision(2));
  return (
    `learning rate ${rate(o.lr)}, the default, since --lr is not given. Published: SMT's released code 9.65e-6, and a later comment in it 1e-4; ` +
    `the SMFT guide at least 2e-3 where 1 to 5 % of the targets train and 2e-4 from 10 % on (models of 1B). ` +
    `Here ${share} % train: if the loss falls slowly, try --lr ${rate(published)}`
  );
}

/** The report, with the note behind the line that says how much trains. */
export function withRateNote(o: Settled, report: Report): Report {
  return (line) => {
    report(line);
    const text = line.kind === 'selection' ? rateNote(o, line.share_targets) : null;
    if (text) report({ kind: 'note', text });
  };
}

const rate = (x: number) => x.toExponential();
