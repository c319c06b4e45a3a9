// The safetensors format: a strict reader of the header, the shards named by an index, and a streaming writer.
// Reads no tensor data itself: a tensor is a place (source, offset, bytes) that the caller reads by ranges.
import { type Folder, readJson, type Source } from './bytes.ts';
import { type Json, parseJson } from './json.ts';

/** Where a tensor lies: `bytes` bytes at `offset` of `source`, row-major. */
export interface StoredTensor {
  name: string;
  dtype: string;
  shape: number[];
  source: Source;
  offset: number;
  bytes: number;
}

export interface Safetensors {
  metadata: Record<string, string>;
  tensors: Map<string, StoredTensor>;
}

/** The header of a file. Throws on anything but a sound header whose tensors fill the file without holes or overlaps. */
export async function readSafetensors(source: Source): Promise<Safetensors> {
  const { text, dataStart } = await readHeaderText(source);
  try {
    const header = asObject(parseJson(text, { integers: true }), 'the header');
    const metadata = readMetadata(header.__metadata__);
    const tensors = Object.keys(header)
      .filter((name) => name !== '__metadata__')
      .map((name) => readTensor(name, header[name], source, dataStart));
    checkLayout(tensors, dataStart, source.size);
    return { metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
  } catch (e) {
    throw new Error(`${(e as Error).message}; ${source.name} is damaged or no safetensors file: fetch or write it again`);
  }
}

/** All tensors of the shards that `index` (model.safetensors.index.json) names. A tensor missing or in two shards is an error. */
export async function readShards(folder: Folder, index: Source): Promise<Map<string, StoredTensor>> {
  const map = (await readJson(index)).weight_map as Record<string, unknown>;
  if (typeof map !== 'object' || map === null)
    throw new Error(`expected a weight_map in ${index.name}, got none; fetch it again`);
  const tensors = new Map<string, StoredTensor>();
  const from = new Map<string, string>();
  for (const shard of new Set(Object.values(map))) {
    if (typeof shard !== 'string' || !SHARD.test(shard))
      throw new Error(
        `expected names of .safetensors files in ${index.name}, got ${JSON.stringify(shard)?.slice(0, 80)}; fetch it again`,
      );
    const source = await folder.file(shard);
    if (!source) throw new Error(`expected the shard ${shard} of ${index.name} in ${folder.name}, got no such file; fetch it`);
    for (const [name, tensor] of (await readSafetensors(source)).tensors) {
      if (tensors.has(name))
        throw new Error(`expected ${name} in one shard, got it in ${tensors.get(name)!.source.name} and ${shard}`);
      tensors.set(name, tensor);
      from.set(name, shard);
    }
  }
  for (const [name, shard] of Object.entries(map))
    if (from.get(name) !== shard)
      throw new Error(`expected ${name} in ${shard} as ${index.name} says, got none there; fetch the shard again`);
  return tensors;
}

export interface TensorToWrite {
  name: string;
  dtype: string;
  shape: number[];
  /** Row-major little-endian bytes, asked for once, when their turn comes. */
  bytes: () => Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A file as chunks, tensor by tensor, byte-equal with the reference writer: by dtype (widest first), then by name. */
export async function* writeSafetensors(
  tensors: TensorToWrite[],
  metadata?: Record<string, string>,
): AsyncGenerator<Uint8Array<ArrayBufferLike>> {
  const order = DTYPE_ORDER;
  const rank = (t: TensorToWrite) => order.indexOf(t.dtype);
  const sorted = [...tensors].sort((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1));
  yield headerBytes(sorted, metadata);
  for (const tensor of sorted) {
    const expected = tensorBytes(tensor.name, tensor.dtype, tensor.shape);
    let written = 0;
    const data = await tensor.bytes();
    for await (const chunk of data instanceof Uint8Array ? [data] : data) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== expected)
      throw new Error(`expected ${expected} bytes for ${tensor.name}, got ${written}; this is a bug in the caller`);
  }
}

/** Bytes of a tensor of `shape`; an unknown dtype, a size past 2^53 or one that is not whole bytes is an error. */
export function tensorBytes(name: string, dtype: string, shape: number[]): number {
  const bits = DTYPE_BITS[dtype] ?? fail(name, `a dtype among ${Object.keys(DTYPE_BITS).join(' ')}`, dtype);
  let total = BigInt(bits);
  for (const size of shape) {
    // a size of 0 hides none that is too large beside it; and no product grows past the first that is
    total *= BigInt(size || 1);
    if (total > MAX_BITS) fail(name, 'a size below 2^53 bytes', show(shape));
  }
  if (shape.includes(0)) return 0;
  if (total % 8n !== 0n) fail(name, 'a size in whole bytes', `${total} bits`);
  return Number(total / 8n);
}

// From narrow to wide, as the reference implementation orders them: the writer's order hangs on it.
const DTYPE_BITS: Record<string, number> = Object.assign(Object.create(null), {
  ...{ BOOL: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32, C64: 64, F64: 64, I64: 64, U64: 64 },
});
const DTYPE_ORDER = Object.keys(DTYPE_BITS);
const MAX_BITS = 8n * BigInt(Number.MAX_SAFE_INTEGER);
const MAX_HEADER = 100_000_000;
/** A file beside the index: no path, no address, nothing that a server would decode to one. */
const SHARD = /^\w[\w.-]{0,200}\.safetensors$/;

async function readHeaderText(source: Source): Promise<{ text: string; dataStart: number }> {
  const refuse = (expected: string, got: unknown): never => {
    throw new Error(`expected ${expected} in ${source.name}, got ${got}; it is damaged or no safetensors file: fetch it again`);
  };
  if (source.size < 8) refuse('at least 8 bytes', source.size);
  const start = await source.read(0, 8);
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) refuse(`a header of at most ${MAX_HEADER} bytes`, length);
  const dataStart = 8 + Number(length);
  if (dataStart > source.size) refuse(`a header of ${length} bytes`, `a file of ${source.size}`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await source.read(8, Number(length)));
    return { text, dataStart };
  } catch {
    return refuse('a header in UTF-8', 'other bytes');
  }
}

function readMetadata(value: Json | undefined): Record<string, string> {
  if (value === undefined || value === null) return {};
  const metadata = asObject(value, '__metadata__');
  for (const key in metadata)
    if (typeof metadata[key] !== 'string') fail('__metadata__', `text under ${key}`, show(metadata[key]));
  return metadata as Record<string, string>;
}

function readTensor(name: string, value: Json, source: Source, dataStart: number): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = asObject(value, name);
  if (typeof dtype !== 'string') fail(name, 'a dtype', show(dtype));
  if (!Array.isArray(shape) || !shape.every(isSize)) fail(name, 'a shape of integers from 0 to 2^53', show(shape));
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    fail(name, 'data_offsets of two integers from 0 to 2^53', show(offsets));
  const [begin, end] = offsets as number[];
  const bytes = tensorBytes(name, dtype as string, shape as number[]);
  if (end - begin !== bytes) fail(name, `${bytes} bytes for ${dtype} ${show(shape)}`, `data_offsets ${begin} to ${end}`);
  return { name, dtype: dtype as string, shape: shape as number[], source, offset: dataStart + begin, bytes };
}

// Sorted by place, every tensor must begin where the one before it ended, and the last end with the file.
function checkLayout(tensors: StoredTensor[], dataStart: number, size: number): void {
  let end = dataStart;
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    const fault = tensor.offset < end ? 'an overlap' : 'a hole';
    if (tensor.offset !== end) fail(tensor.name, `data at ${end - dataStart}`, `${fault}: data at ${tensor.offset - dataStart}`);
    end += tensor.bytes;
  }
  if (end !== size) throw new Error(`expected ${end} bytes of header and tensors, got a file of ${size}`);
}

// Joined by hand: an object would put names that look like numbers first.
function headerBytes(tensors: TensorToWrite[], metadata?: Record<string, string>): Uint8Array {
  const entries = metadata ? [`"__metadata__":${JSON.stringify(metadata)}`] : [];
  const seen = new Set(['__metadata__']);
  let end = 0;
  for (const { name, dtype, shape } of tensors) {
    if (seen.has(name)) fail(name, 'each tensor name once', 'it twice');
    seen.add(name);
    const begin = end;
    end += tensorBytes(name, dtype, shape);
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
  }
  const text = new TextEncoder().encode(`{${entries.join(',')}}`);
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}

function asObject(value: Json, what: string): { [key: string]: Json } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(what, 'a JSON object', show(value));
  return value;
}

function isSize(value: Json): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function show(value: Json | undefined): string {
  return (JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? String(v) : v)) ?? 'nothing').slice(0, 80);
}

function fail(what: string, expected: string, got: string): never {
  throw new Error(`expected ${expected} for ${what}, got ${got}`);
}
