/**
 * What a parquet file says of itself, held against its bytes before hyparquet believes it: counts and sizes decide how much memory
 * is taken and how long a loop is.
 */
import type { ColumnMetaData } from 'hyparquet';
import type { Source } from '../io/bytes.ts';
import { type Fields, walk } from './thrift.ts';

/** Values that a byte may stand for: runs of one value take next to nothing. */
const MOST_VALUES = 1000;
/** Bytes that a byte may become: what a codec makes of one letter again and again. */
const MOST_BYTES: Record<string, number> = { SNAPPY: 1100, GZIP: 1100, ZSTD: 40_000, BROTLI: 40_000 };
/** Of the last eight bytes of a file: how long the footer before them is, and PAR1. */
const TAIL = 8;

/** Throws where the footer is not sound. */
export async function checkFooter(source: Source): Promise<void> {
  const tail = source.size >= TAIL ? await source.read(source.size - TAIL, TAIL) : new Uint8Array(TAIL);
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(0, true);
  if (String.fromCharCode(...tail.subarray(4)) !== 'PAR1' || length > source.size - TAIL)
    throw new Error(`expected a parquet file with its footer at the end, got ${source.name} without; it is cut short`);
  const { fields } = walk(await source.read(source.size - TAIL - length, length), 0);
  mustBeFew(Number(fields[3] ?? 0), source.size, 'rows');
}

/** Throws where the pages of a column do not lie in the file, or say that they hold what they cannot. */
export async function checkPages(source: Source, column: ColumnMetaData): Promise<void> {
  const { data_page_offset, dictionary_page_offset, total_compressed_size, num_values } = column;
  const start = Number(dictionary_page_offset || data_page_offset);
  const length = Number(total_compressed_size);
  if (!(start >= 0 && length >= 0 && start + length <= source.size))
    throw new Error(`expected columns within ${source.name}, got bytes ${start} to ${start + length}; it is damaged`);
  mustBeFew(Number(num_values), source.size, 'values');
  const bytes = await source.read(start, length);
  const most = MOST_BYTES[column.codec] ?? 1100;
  for (let at = 0; at < bytes.length; ) {
    const { fields, end } = walk(bytes, at);
    const [unpacked, packed] = [Number(fields[2]), Number(fields[3])];
    if (!(packed >= 0 && end + packed <= bytes.length && unpacked >= 0 && unpacked <= most * (packed + 64)))
      throw new Error(`expected pages within ${source.name}, got one of ${packed} bytes that become ${unpacked}; it is damaged`);
    for (const kind of [5, 7, 8]) mustBeFew(Number((fields[kind] as Fields | undefined)?.[1] ?? 0), bytes.length, 'values');
    at = end + packed;
  }
}

function mustBeFew(n: number, bytes: number, what: string): void {
  if (!(n >= 0 && n <= MOST_VALUES * bytes))
    throw new Error(`expected at most ${MOST_VALUES * bytes} ${what} in ${bytes} bytes of parquet, got ${n}; it is damaged`);
}
