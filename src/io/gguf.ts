// The GGUF format, versions 2 and 3: metadata and where each tensor lies. Reads the header only, in growing windows, so that a
// file larger than memory opens; every count and size is checked against the file before anything is made from it.
// Says nothing about what the keys mean: that is gguf-model.ts.
import { FORMATS } from '../formats.ts';
import type { Source } from './bytes.ts';

export type GgufValue = number | bigint | boolean | string | GgufValue[];

/** Where a tensor lies. `dims` as in the file: fastest first, so a matrix is [in, out]. */
export interface GgufTensor {
  name: string;
  type: string;
  dims: number[];
  offset: number;
  bytes: number;
}

export interface Gguf {
  version: number;
  metadata: Map<string, GgufValue>;
  tensors: Map<string, GgufTensor>;
  source: Source;
}

/**
 * The header of a GGUF file. Throws on anything that llama.cpp refuses, and on what it lets in: empty keys and names, alignments
 * beyond 1 MiB, a file without the data of its tensors.
 */
export async function readGguf(source: Source): Promise<Gguf> {
  let head = new Uint8Array(0);
  for (let size = FIRST_WINDOW; ; size *= 4) {
    const more = await source.read(head.length, Math.min(size, source.size) - head.length);
    const grown = new Uint8Array(head.length + more.length);
    grown.set(head);
    grown.set(more, head.length);
    head = grown;
    try {
      return parseHeader(head, source);
    } catch (e) {
      if (e !== SHORT) throw new Error(`${(e as Error).message}; ${source.name} is damaged or no GGUF file: fetch it again`);
      if (head.length === source.size)
        throw new Error(`expected more than the ${source.size} bytes of ${source.name}: it is cut short`);
      if (head.length >= MAX_HEADER)
        throw new Error(`expected a GGUF header below ${MAX_HEADER} bytes in ${source.name}, got a longer one`);
    }
  }
}

/** ggml's tensor types: values and bytes of a block. Those that nothing here decodes are listed beside; ids given up are absent. */
export const GGML_TYPES: Record<number, { name: string; block: number; bytes: number }> = Object.fromEntries([
  ...Object.entries(FORMATS).map(([name, { ggml, block, bytes }]) => [ggml, { name, block, bytes }]),
  ...`9 q8_1 32 36|15 q8_k 256 292|16 iq2_xxs 256 66|17 iq2_xs 256 74|18 iq3_xxs 256 98|19 iq1_s 256 50|20 iq4_nl 32 18|21 iq3_s 256 110
  |22 iq2_s 256 82|23 iq4_xs 256 136|24 i8 1 1|25 i16 1 2|26 i32 1 4|27 i64 1 8|29 iq1_m 256 56|34 tq1_0 256 54|35 tq2_0 256 66
  |39 mxfp4 32 17|40 nvfp4 64 36|41 q1_0 128 18`
    .split('|')
    .map((row) => row.trim().split(' '))
    .map(([id, name, block, bytes]) => [id, { name, block: Number(block), bytes: Number(bytes) }]),
]);

const FIRST_WINDOW = 1 << 20;
const MAX_HEADER = 1 << 29;
const SHORT = new Error('the window ends inside the header');
const MAX_ELEMENTS = 1n << 63n;

interface Cursor {
  view: DataView;
  bytes: Uint8Array;
  at: number;
  /** Size of the file, which may be larger than the window. */
  size: number;
}

function parseHeader(bytes: Uint8Array<ArrayBuffer>, source: Source): Gguf {
  const cursor = { view: new DataView(bytes.buffer), bytes, at: 0, size: source.size };
  if (u32(cursor) !== 0x46554747) fail('the magic GGUF', JSON.stringify(String.fromCharCode(...bytes.subarray(0, 4))));
  const version = u32(cursor);
  if (version !== 2 && version !== 3) fail('GGUF version 2 or 3', version > 0xffff ? 'a big-endian file' : `version ${version}`);
  const tensorCount = count(cursor, 'tensors', 24);
  const keyCount = count(cursor, 'metadata keys', 13);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i++) readPair(cursor, metadata);
  const alignment = readAlignment(metadata);
  const tensors = new Map<string, GgufTensor>();
  let end = 0;
  for (let i = 0; i < tensorCount; i++) {
    const tensor = readTensor(cursor, tensors, end);
    end = roundUp(tensor.offset + tensor.bytes, alignment);
    tensors.set(tensor.name, tensor);
  }
  const start = roundUp(cursor.at, alignment);
  if (tensorCount > 0 && start + end > source.size)
    fail(`${start + end} bytes of header and tensors`, `a file of ${source.size}`);
  for (const tensor of tensors.values()) tensor.offset += start;
  return { version, metadata, tensors, source };
}

function readPair(cursor: Cursor, metadata: Map<string, GgufValue>): void {
  const key = string(cursor, 'a key', 65535);
  if (key === '') fail('keys with a name', 'an empty one');
  if (metadata.has(key)) fail('each key once', `${key} twice`);
  const type = u32(cursor);
  if (key === ALIGNMENT && type !== UINT32) fail(`${ALIGNMENT} as an unsigned integer of 32 bits`, `value type ${type}`);
  metadata.set(key, readValue(cursor, type, key));
}

function readValue(cursor: Cursor, type: number, key: string): GgufValue {
  if (type === STRING) return string(cursor, key);
  if (type === ARRAY) return readArray(cursor, key);
  const scalar = SCALARS[type] ?? fail(`a value type from 0 to 12 for ${key}`, type);
  return scalar.read(cursor.view, take(cursor, scalar.bytes), key);
}

function readArray(cursor: Cursor, key: string): GgufValue[] {
  const type = u32(cursor);
  if (type === ARRAY) fail(`an array of plain values for ${key}`, 'an array of arrays');
  const each = type === STRING ? 8 : (SCALARS[type] ?? fail(`an array type from 0 to 12 for ${key}`, type)).bytes;
  const length = count(cursor, `values of ${key}`, each);
  const values: GgufValue[] = [];
  for (let i = 0; i < length; i++) values.push(readValue(cursor, type, key));
  return values;
}

function readAlignment(metadata: Map<string, GgufValue>): number {
  const alignment = Number(metadata.get(ALIGNMENT) ?? 32);
  const sound = alignment > 0 && alignment <= MAX_ALIGNMENT && Math.log2(alignment) % 1 === 0;
  return sound ? alignment : fail(`a power of two up to ${MAX_ALIGNMENT} as ${ALIGNMENT}`, alignment);
}

// Tensors must lie one after the other: llama.cpp refuses a file whose offsets say otherwise.
function readTensor(cursor: Cursor, tensors: Map<string, GgufTensor>, end: number): GgufTensor {
  const name = string(cursor, 'a tensor name', 63);
  if (name === '') fail('tensors with a name', 'an empty one');
  if (tensors.has(name)) fail('each tensor once', `${name} twice`);
  const rank = u32(cursor);
  if (rank > 4) fail(`at most 4 dimensions for ${name}`, rank);
  const dims = Array.from({ length: rank }, () => u64(cursor));
  const id = u32(cursor);
  const type = GGML_TYPES[id] ?? fail(`a tensor type that ggml knows for ${name}`, id);
  // a size of 0 hides none that is too large beside it
  if (dims.some((d) => d >= MAX_ELEMENTS) || dims.reduce((a, b) => a * (b || 1n), 1n) >= MAX_ELEMENTS)
    fail(`less than 2^63 values for ${name}`, dims.join(' x '));
  if ((dims[0] ?? 1n) % BigInt(type.block)) fail(`rows of whole ${type.name} blocks (${type.block}) for ${name}`, dims[0]);
  const elements = dims.reduce((a, b) => a * b, 1n);
  const bytes = (elements / BigInt(type.block)) * BigInt(type.bytes);
  const offset = u64(cursor);
  if (offset !== BigInt(end)) fail(`${name} at offset ${end}`, offset);
  if (offset + bytes > BigInt(Number.MAX_SAFE_INTEGER)) fail(`${name} within 2^53 bytes`, `${bytes} bytes`);
  return { name, type: type.name, dims: dims.map(Number), offset: Number(offset), bytes: Number(bytes) };
}

const UINT32 = 4;
const STRING = 8;
const ARRAY = 9;
const ALIGNMENT = 'general.alignment';
const MAX_ALIGNMENT = 1 << 20;
const SCALARS: Record<number, { bytes: number; read: (view: DataView, at: number, key: string) => GgufValue }> = {
  0: { bytes: 1, read: (view, at) => view.getUint8(at) },
  1: { bytes: 1, read: (view, at) => view.getInt8(at) },
  2: { bytes: 2, read: (view, at) => view.getUint16(at, true) },
  3: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  4: { bytes: 4, read: (view, at) => view.getUint32(at, true) },
  5: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  6: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  7: { bytes: 1, read: (view, at, key) => bool(view.getUint8(at), key) },
  10: { bytes: 8, read: (view, at) => narrow(view.getBigUint64(at, true)) },
  11: { bytes: 8, read: (view, at) => narrow(view.getBigInt64(at, true)) },
  12: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
};

// The next `bytes` bytes; past the window the caller comes back with a larger one, past the file it is an error.
function take(cursor: Cursor, bytes: number): number {
  const at = cursor.at;
  if (at + bytes > cursor.size) fail(`${bytes} more bytes at ${at}`, `a file of ${cursor.size}`);
  if (at + bytes > cursor.bytes.length) throw SHORT;
  cursor.at += bytes;
  return at;
}

function u32(cursor: Cursor): number {
  return cursor.view.getUint32(take(cursor, 4), true);
}

function u64(cursor: Cursor): bigint {
  return cursor.view.getBigUint64(take(cursor, 8), true);
}

// A count of things that take at least `each` bytes: what the rest of the file cannot hold is a lie.
function count(cursor: Cursor, what: string, each: number): number {
  const n = u64(cursor);
  if (n * BigInt(each) > BigInt(cursor.size - cursor.at)) fail(`${what} that fit the file`, `${n} of them`);
  return Number(n);
}

function string(cursor: Cursor, what: string, most = Number.MAX_SAFE_INTEGER): string {
  const length = count(cursor, `bytes of ${what}`, 1);
  if (length > most) fail(`at most ${most} bytes for ${what}`, length);
  const at = take(cursor, length);
  try {
    return UTF8.decode(cursor.bytes.subarray(at, at + length));
  } catch {
    return fail(`UTF-8 text for ${what}`, 'other bytes');
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function bool(byte: number, key: string): boolean {
  return byte > 1 ? fail(`0 or 1 for ${key}`, byte) : byte === 1;
}

function narrow(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function fail(expected: string, got: unknown): never {
  throw new Error(`expected ${expected}, got ${String(got)}`);
}
