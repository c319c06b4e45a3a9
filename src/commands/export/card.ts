// What the card of an export tells: of what it was made, and from the receipt of the run, where one lies with the adapter, on which data
// and how well it ended.

import { type Adapter, matricesOf, RECEIPT } from '../../io/adapter.ts';
import { openPlace, readJson } from '../../io/bytes.ts';
import { type Card, hubName } from '../../io/card.ts';
import { commandLine } from '../../options/command-line.ts';
import type { Options, Settled } from '../../options/table.ts';
import { methodOf } from '../../parts.ts';
import { type Receipt, receiptIn } from '../receipt.ts';

/** The card of an export by these options. */
export async function cardOf(o: Settled, name: string, adapter: Adapter | undefined): Promise<Omit<Card, 'library'>> {
  const run = o.adapter === undefined ? undefined : await receiptAt(o.adapter);
  return { ...cardFor({ base: o.model ?? name, adapter, run, given: o.given }), tuned: adapter !== undefined };
}

/** What a card tells of. */
export interface Told {
  /** Where the base lies. */
  base: string;
  adapter?: Adapter;
  run?: Pick<Receipt, 'recipe' | 'curve'>;
  /** Options by which the command line makes the same files. */
  given: Options;
}

/** The card of what a run left. */
export function cardFor({ base, adapter, run, given }: Told): Omit<Card, 'library'> {
  const facts = [...(adapter ? ofAdapter(adapter) : []), ...(run ? ofRun(run) : [])];
  return { base: hubName(base), tuned: true, facts, command: commandLine('export', published(given)) };
}

/** The options with places of this machine by their last part: a card is read by others, and names no folder of a person. */
export function published(given: Options): Options {
  const short = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(short);
    return typeof value === 'string' && ABSOLUTE.test(value) ? value.split(/[\\/]/).findLast(Boolean) : value;
  };
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, short(value)]));
}

const ABSOLUTE = /^(~?[\\/]|\.\.[\\/]|[a-z]:[\\/])/i;

function ofAdapter(adapter: Adapter): Card['facts'] {
  const { name, adapters } = methodOf(adapter);
  const words = Object.entries(adapters!.words(adapter)).map(([key, value]): [string, string] => [key, String(value)]);
  return [['method', name], ...words, ['matrices trained', String(matricesOf(adapter).length)]];
}

function ofRun({ recipe, curve }: Pick<Receipt, 'recipe' | 'curve'>): Card['facts'] {
  const data = [recipe.data ?? []].flat().map((place) => hubName(String(place)));
  const [step, loss] = curve.evals.at(-1) ?? [];
  return [
    ...(data.length ? [['data', data.join(', ')] as [string, string]] : []),
    ['steps', String(curve.loss.length)],
    ...(loss != null ? [['held-out loss', `${loss.toFixed(4)} nats a token after step ${step}`] as [string, string]] : []),
  ];
}

/** The receipt in an adapter's folder; none, or one of another version, tells nothing. */
async function receiptAt(place: string): Promise<Receipt | undefined> {
  const found = await openPlace(place);
  const file = 'folder' in found ? await found.folder.file(RECEIPT) : undefined;
  if (!file) return undefined;
  try {
    return receiptIn(await readJson(file), file.name).receipt;
  } catch {
    return undefined;
  } finally {
    await file.close();
  }
}
