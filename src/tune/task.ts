// One command: its options, who listens, and how it is stopped.

import type { Settled } from '../options.ts';
import type { Report } from './report.ts';

export interface Task {
  o: Settled;
  /** What `inspect` is given. */
  files: string[];
  report: Report;
  signal: AbortSignal;
}
