// The methods that there are. A new one is a file beside these and a line in the list.

import type { Adapter } from '../io/adapter.ts';
import { FULL } from './full.ts';
import { DORA, LORA, type RankSettings } from './lora.ts';
import type { MethodKind } from './method.ts';
import { SMT, type SmtSettings } from './smt/method.ts';
import { type MixSettings, SMT_LORA } from './smt-lora.ts';
import { TOPK_LAYERS, type TopkSettings } from './topk.ts';

/** What any method can be told; each takes its own. */
export type Settings = SmtSettings & RankSettings & MixSettings & TopkSettings;

/** The first is the default. */
export const METHODS: readonly MethodKind<Settings>[] = [SMT, FULL, LORA, DORA, SMT_LORA, TOPK_LAYERS];

export const METHOD_NAMES = METHODS.map((m) => m.name);

/** The method of a name. */
export function methodNamed(name: string): MethodKind<Settings> {
  const found = METHODS.find((m) => m.name === name);
  if (!found) throw new Error(`expected a method of ${METHOD_NAMES.join(', ')}, got ${name}`);
  return found;
}

/** The method that an adapter was trained by. */
export const methodOf = (a: Adapter): MethodKind<Settings> => methodNamed(a.method);
