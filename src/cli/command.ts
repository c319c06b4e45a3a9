// The command whose lines are printed.

import type { Options, Verb } from '../options/table.ts';

export interface Command {
  verb: Verb;
  options: Options;
}
