/**
 * Parquet files as records, on hyparquet: every column's values as a text or JSON would hold them. Integers keep their digits
 * (a bigint beyond 2^53), decimals are texts with their scale, dates and times are texts as Python prints them.
 */
import { parquetMetadataAsync, parquetRead, parquetReadObjects, parquetSchema } from 'hyparquet';
import { nodeZlib, type Source } from '../io/bytes.ts';
import { parseNumbers } from '../io/json.ts';
import { checkFooter, checkPages } from './parquet-bounds.ts';

type Node = ReturnType<typeof parquetSchema>;

/** All rows of a file; throws what hyparquet says of one that cannot be read. */
export async function readParquet(source: Source): Promise<Record<string, unknown>[]> {
  const file = {
    byteLength: source.size,
    slice(from: number, to = source.size) {
      const start = from < 0 ? source.size + from : from;
      const read = source.read(start, to - start).then((bytes) => bytes.slice().buffer);
      read.catch(() => {}); // reads are begun ahead of their columns, and some come to none
      return read;
    },
  };
  await checkFooter(source);
  const metadata = await parquetMetadataAsync(file);
  const tree = parquetSchema(metadata);
  const plain = { ...metadata, schema: metadata.schema.map(unscaled) };
  const options = { file, metadata: plain, utf8: false, parsers: PARSERS, compressors: codecs() };
  // hyparquet reads leaves side by side. Where it stops at one (a path that is not in the schema, a leaf of a column of several), it
  // forgets the others, and one more that fails would end the process: paths are looked at first, and where leaves are put together,
  // all are read once without that, which waits for each.
  for (const { columns } of metadata.row_groups)
    for (const { meta_data } of columns) {
      mustBeIn(tree, meta_data?.path_in_schema ?? [], source.name);
      await checkPages(source, meta_data!);
    }
  if (tree.children.some(({ children }) => children.length)) await parquetRead(options);
  const rows = await parquetReadObjects(options);
  return rows.map((row) => plainValue(tree, row) as Record<string, unknown>);
}

type Codec = (bytes: Uint8Array, length: number) => Uint8Array;

/** Codecs beside hyparquet's own snappy, as far as the host has them: polars writes zstd, others gzip or brotli. */
function codecs(): Record<string, Codec> {
  const { gunzipSync, brotliDecompressSync, zstdDecompressSync } = nodeZlib();
  const found = Object.entries({ GZIP: gunzipSync, BROTLI: brotliDecompressSync, ZSTD: zstdDecompressSync });
  return Object.fromEntries(
    found.flatMap(([name, unpack]): [string, Codec][] => {
      if (!unpack) return [];
      return [[name, (bytes, length) => new Uint8Array(unpack(bytes, { maxOutputLength: Math.max(1, length) }))]];
    }),
  );
}

function mustBeIn(tree: Node, path: string[], name: string): void {
  let node: Node | undefined = tree;
  for (const part of path) node = node?.children.find(({ element }) => element.name === part);
  if (!node || path.length === 0)
    throw new Error(`expected the columns of ${name} in its schema, got ${JSON.stringify(path)}; the file is damaged`);
}

/** hyparquet makes a double of a decimal and of a time what it is stored as: both are read raw and written out here. */
function unscaled<E extends Node['element']>(element: E): E {
  if (element.converted_type !== 'DECIMAL' && element.logical_type?.type !== 'DECIMAL') return element;
  return { ...element, converted_type: undefined, logical_type: undefined };
}

const bytesText = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const textOf = (bytes: Uint8Array) => {
  try {
    return bytesText.decode(bytes);
  } catch {
    throw new Error('it holds bytes that are no UTF-8 text');
  }
};
const PARSERS = {
  stringFromBytes: (bytes: Uint8Array) => bytes && textOf(bytes),
  jsonFromBytes: (bytes: Uint8Array) => bytes && parseNumbers(textOf(bytes)),
  dateFromDays: (days?: number) => (days === undefined ? days : dayOf(BigInt(days))),
  timestampFromMilliseconds: (v?: bigint) => (v === undefined ? v : moment(v * 1_000_000n)),
  timestampFromMicroseconds: (v?: bigint) => (v === undefined ? v : moment(v * 1000n)),
  timestampFromNanoseconds: (v?: bigint) => (v === undefined ? v : moment(v)),
} as any;

/** A value of hyparquet as text, number, bigint, list or object, by its place in the schema. */
function plainValue(node: Node, value: any): unknown {
  if (value === null || value === undefined) return null;
  const { element, children } = node;
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof Uint8Array))) {
    const item = element.converted_type === 'LIST' ? itemOf(node) : node;
    return Array.from(value as any[], (v) => plainValue(item, v));
  }
  if (element.converted_type === 'MAP' && children[0]?.children[1]) {
    const values = children[0].children[1];
    return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plainValue(values, v)]));
  }
  if (children.length)
    return Object.fromEntries(children.map((child) => [child.element.name, plainValue(child, value[child.element.name])]));
  return leafOf(element, value);
}

/** What a list holds: within the repeated group of three levels, or (as old writers have it) the repeated field itself. */
function itemOf({ children: [repeated] }: Node): Node {
  return repeated.children.length === 1 ? repeated.children[0] : repeated;
}

function leafOf(element: Node['element'], value: any): unknown {
  const { converted_type, logical_type } = element as { converted_type?: string; logical_type?: any };
  if (converted_type === 'DECIMAL' || logical_type?.type === 'DECIMAL')
    return decimal(value instanceof Uint8Array ? signed(value) : BigInt(value), element.scale ?? logical_type?.scale ?? 0);
  if (converted_type === 'TIME_MILLIS' || converted_type === 'TIME_MICROS' || logical_type?.type === 'TIME') {
    const unit = logical_type?.unit ?? converted_type!.slice(5);
    return clock(BigInt(value) * ({ MILLIS: 1_000_000n, MICROS: 1000n, NANOS: 1n }[unit as string] ?? 1n));
  }
  if (value instanceof Uint8Array) return textOf(value);
  // a whole float is a boxed Number, as JSON's is: templates and classes write 1.0 then
  if (typeof value === 'number' && FLOATS.includes(element.type!)) return Number.isInteger(value) ? new Number(value) : value;
  if (typeof value !== 'bigint') return value;
  const whole = element.type === 'INT64' && isUnsigned(element) ? BigInt.asUintN(64, value) : value;
  return BigInt(Number(whole)) === whole && Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
}

const FLOATS = ['FLOAT', 'DOUBLE', 'FIXED_LEN_BYTE_ARRAY'];

const isUnsigned = ({ converted_type, logical_type }: any) =>
  converted_type === 'UINT_64' || (logical_type?.type === 'INTEGER' && !logical_type.isSigned);

/** Two's complement, the highest byte first. */
function signed(bytes: Uint8Array): bigint {
  const value = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  return BigInt.asIntN(bytes.length * 8, value);
}

function decimal(value: bigint, scale: number): string {
  if (scale <= 0) return String(value * 10n ** BigInt(-scale));
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

const DAY = 86_400_000_000_000n;

const dayOf = (days: bigint) => {
  const date = new Date(Number(days) * 86_400_000);
  if (Number.isNaN(date.getTime())) throw new Error(`it holds a date ${days} days from 1970`);
  return date.toISOString().slice(0, -14);
};

/** Nanoseconds since 1970 as `2024-01-31 12:34:56.5`. */
function moment(nanoseconds: bigint): string {
  const days = nanoseconds / DAY - (nanoseconds % DAY < 0n ? 1n : 0n);
  return `${dayOf(days)} ${clock(nanoseconds - days * DAY)}`;
}

/** Nanoseconds of a day as 12:34:56, with six or nine digits of a fraction where there is one. */
function clock(nanoseconds: bigint): string {
  const seconds = Number(nanoseconds / 1_000_000_000n);
  const two = (n: number) => String(n).padStart(2, '0');
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, '0');
  const shown = fraction.endsWith('000') ? fraction.slice(0, 6) : fraction;
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return /^0+$/.test(shown) ? time : `${time}.${shown}`;
}
