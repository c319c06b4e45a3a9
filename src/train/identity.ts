// What a run is of: every byte of the model, every row, and each setting that decides figures. A run goes on only with the same,
// and where it is not, the error names what differs. Kernels that were measured are no part of it: a checkpoint brings its own.

import type { Row } from '../data/rows.ts';
import { formatBytes } from '../formats.ts';
import { type Adapter, adapterFiles } from '../io/adapter.ts';
import { streamHash } from '../io/hash.ts';
import type { ModelFiles } from '../io/model.ts';
import { piecesOf } from '../io/store.ts';
import { rowCount, type TensorInfo } from '../io/tensors.ts';
import { setting } from '../setting.ts';

/** A plain value; a list is written with commas. */
export type Setting = string | number | boolean | null;

export interface Identity {
  /** Hashes of the config, of every tensor, of every row, and of those held out. */
  config: string;
  weights: string;
  data: string;
  held: string;
  /** Of the adapter and the blocks that it starts from. */
  start: string;
  /** By the option's key. */
  settings: Record<string, Setting>;
}

/** What a run may start from beside its model: an adapter to go on from, blocks that were chosen before. */
export interface Start {
  adapter?: Adapter;
  selection?: unknown;
}

/** Hashes the model's files and the rows, a piece at a time; settings: what else decides figures. */
export async function identityOf(
  files: Pick<ModelFiles, 'config' | 'tensors'>,
  { rows, held = [] }: { rows: readonly Row[]; held?: readonly Row[] },
  settings: Record<string, Setting>,
  start: Start = {},
): Promise<Identity> {
  return {
    config: await streamHash([words(files.config.raw)]),
    weights: await streamHash(bytesOf(files.tensors.values())),
    data: await streamHash(bytesOfRows(rows)),
    held: await streamHash(bytesOfRows(held)),
    start: await streamHash(bytesOfStart(start)),
    settings,
  };
}

/** Throws where a run is not of the same as one before, naming the first thing that differs. `name`: what says what that was of. */
export function mustBeSame(name: string, was: Identity, is: Identity, cure = RESUME): void {
  if (typeof was.settings !== 'object')
    throw new Error(`expected ${name} to say what its run was of, got an older form. ${cure}`);
  const other = [...new Set([...Object.keys(was.settings), ...Object.keys(is.settings)])].find((key) => differs(was, is, key));
  if (other) {
    const said = ({ settings }: Identity) => settings[other] ?? 'not given';
    throw new Error(`expected ${setting(other)} ${said(was)} as in ${name}, got ${said(is)}. ${cure}`);
  }
  const [field] = Object.entries(WHAT).find(([key]) => was[key as keyof typeof WHAT] !== is[key as keyof typeof WHAT]) ?? [];
  if (field) throw new Error(`expected ${WHAT[field as keyof typeof WHAT]} as in ${name}, got other ones. ${cure}`);
}

const RESUME = `Resume with the same command, or start anew in another ${setting('out')}.`;

const WHAT = {
  config: `the config values of ${setting('model')}`,
  weights: `the weights of ${setting('model')}`,
  data: `the rows of ${setting('data')}`,
  held: `the rows of ${setting('eval')}`,
  start: `what ${setting('adapter')} or ${setting('selection')} names`,
} as const;

const differs = (was: Identity, is: Identity, key: string) => (was.settings[key] ?? null) !== (is.settings[key] ?? null);

/** Settings as plain values: a list is written with commas, what is not given is null. */
export function plainSettings(settings: Record<string, unknown>): Record<string, Setting> {
  const plain = (value: unknown): Setting => (Array.isArray(value) ? value.join(',') : ((value ?? null) as Setting));
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, plain(value)]));
}

// --- bytes ----------------------------------------------------------------------------------------------------------------

const words = (value: unknown) =>
  new TextEncoder().encode(`${JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? `${v}n` : v))}\n`);

/** The files of an adapter as it would be saved, and the blocks. */
async function* bytesOfStart({ adapter, selection }: Start): AsyncGenerator<Uint8Array> {
  for (const { name, chunks } of adapter ? adapterFiles(adapter) : []) {
    yield words(name);
    yield* piecesOf(chunks);
  }
  yield words(selection ?? null);
}

/** Bytes read of a tensor at a time, about. */
const READ = 1 << 22;

async function* bytesOf(tensors: Iterable<TensorInfo>): AsyncGenerator<Uint8Array> {
  for (const { name, shape, format, rows } of tensors) {
    yield words([name, shape, format]);
    const n = rowCount(shape);
    const step = Math.max(1, Math.floor(READ / formatBytes(format, shape.at(-1) ?? 1)));
    for (let r = 0; r < n; r += step) yield await rows(r, Math.min(n, r + step));
  }
}

/** The length of each row, then its ids and labels. */
function* bytesOfRows(rows: readonly Row[]): Generator<Uint8Array> {
  for (const { ids, labels } of rows)
    for (const list of [Uint32Array.of(ids.length), ids, labels])
      yield new Uint8Array(list.buffer, list.byteOffset, list.byteLength);
}
