// TensorBoard's event files: records framed as TFRecord (length, its masked CRC-32C, bytes, theirs), each an Event message of
// tensorboard/compat/proto. Scalars and histograms, in the form that every version reads. No file is touched here.

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** What is told at a step: numbers, and values whose distribution is. */
export interface Told {
  step: number;
  scalars?: Record<string, number>;
  values?: Record<string, readonly number[]>;
}

/** The record that a file begins with. time: seconds since 1970. */
export const headRecord = (time: number): Uint8Array =>
  framed(
    new BinaryWriter().tag(1, WireType.Bit64).double(time).tag(3, WireType.LengthDelimited).string('brain.Event:2').finish(),
  );

/** A record of what is told at a step. time: seconds since 1970. */
export function toldRecord(time: number, { step, scalars = {}, values = {} }: Told): Uint8Array {
  const w = new BinaryWriter().tag(1, WireType.Bit64).double(time).tag(2, WireType.Varint).int64(step);
  w.tag(5, WireType.LengthDelimited).fork();
  const named = (tag: string) => w.tag(1, WireType.LengthDelimited).fork().tag(1, WireType.LengthDelimited).string(tag);
  for (const [tag, value] of Object.entries(scalars)) named(tag).tag(2, WireType.Bit32).float(value).join();
  for (const [tag, all] of Object.entries(values)) putHistogram(named(tag), all).join();
  return framed(w.join().finish());
}

/** Buckets of equal width of a histogram. */
const BUCKETS = 30;

/** HistogramProto: least, most, number, sum, sum of squares; upper edges of buckets, and how many values are in each. */
function putHistogram(w: BinaryWriter, values: readonly number[]): BinaryWriter {
  const [min, max] = values.reduce(([a, b], x) => [Math.min(a, x), Math.max(b, x)], [Infinity, -Infinity]);
  const width = (max - min) / BUCKETS;
  const counts = new Array(width > 0 ? BUCKETS : 1).fill(0);
  for (const x of values) counts[Math.min(counts.length - 1, width > 0 ? Math.floor((x - min) / width) : 0)]++;
  const edges = counts.map((_, i) => (i === counts.length - 1 ? max : min + (i + 1) * width));
  const sums = [min, max, values.length, values.reduce((a, x) => a + x, 0), values.reduce((a, x) => a + x * x, 0)];
  w.tag(5, WireType.LengthDelimited).fork();
  for (const [i, sum] of sums.entries()) w.tag(i + 1, WireType.Bit64).double(sum);
  for (const [field, list] of [
    [6, edges],
    [7, counts],
  ] as const) {
    w.tag(field, WireType.LengthDelimited).fork();
    for (const x of list) w.double(x);
    w.join();
  }
  return w.join();
}

/** The sound records at the head of a file: where each ends, its step and the names of what it tells. */
export function* recordsOf(file: Uint8Array): Generator<{ end: number; step: number; tags: string[] }> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  for (let at = 0; at + 12 <= file.length; ) {
    const bytes = Number(view.getBigUint64(at, true));
    const end = at + 16 + bytes;
    if (!(end <= file.length) || view.getUint32(at + 8, true) !== masked(file.subarray(at, at + 8))) return;
    const data = file.subarray(at + 12, at + 12 + bytes);
    if (view.getUint32(end - 4, true) !== masked(data)) return;
    yield { end, ...eventIn(data) };
    at = end;
  }
}

function eventIn(data: Uint8Array): { step: number; tags: string[] } {
  const found = { step: 0, tags: [] as string[] };
  for (const [field, r, wire] of fields(data)) {
    if (field === 2) found.step = Number(r.int64());
    else if (field === 5)
      for (const [, value] of fields(r.bytes()))
        for (const [field, r, wire] of fields(value.bytes()))
          if (field === 1) found.tags.push(r.string());
          else r.skip(wire);
    else r.skip(wire);
  }
  return found;
}

function* fields(data: Uint8Array): Generator<[field: number, r: BinaryReader, wire: WireType]> {
  const r = new BinaryReader(data);
  while (r.pos < r.len) {
    const [field, wire] = r.tag();
    yield [field, r, wire];
  }
}

function framed(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(16 + data.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return record;
}

/** CRC-32C as records hold it: turned by 15 bits and moved by a constant, so that a sum of bytes that hold sums says something. */
function masked(data: Uint8Array): number {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0x82f63b78 : byte >>> 1;
  return byte;
});

/** CRC-32 by Castagnoli's polynomial. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}
