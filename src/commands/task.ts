// One command: its options, who listens, and how it is stopped.

import type { AutotuneCache } from '../gpu/autotune.ts';
import type { Settled } from '../options/table.ts';
import type { Report } from '../report.ts';
import type { Listen } from './serve/listen.ts';

export interface Task {
  o: Settled;
  /** What `inspect` is given. */
  files: string[];
  report: Report;
  signal: AbortSignal;
  /** What runs it, with its version: "Deno 2.9.5". */
  runtime?: string;
  /** Where kernel choices are remembered; measured anew each time where there is none. */
  cache?: AutotuneCache;
  /** How `serve` listens, where the host can. */
  listen?: Listen;
}

export type { AutotuneCache };
