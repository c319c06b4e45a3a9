// Files that break one rule of GGUF each, and odd ones that break none: [rule, bytes, what the refusal says]. Made from the format's
// rules (its specification, and what llama.cpp checks), stricter where llama.cpp is lax. No test in here.
import type { Broken } from './safetensors.ts';

export type Odd = [what: string, bytes: Uint8Array<ArrayBuffer>, keys: string[], tensors: Record<string, number[]>];

type Bytes = number[];
const u32 = (n: number): Bytes => [n & 255, (n >>> 8) & 255, (n >>> 16) & 255, n >>> 24];
const u64 = (n: number | bigint): Bytes => [...u32(Number(BigInt(n) & 0xffffffffn)), ...u32(Number(BigInt(n) >> 32n))];
const raw = (s: string): Bytes => [...new TextEncoder().encode(s)];
const text = (s: string): Bytes => [...u64(raw(s).length), ...raw(s)];
const MAGIC = raw('GGUF');
const [U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, LIST, U64, I64, F64] = Array.from({ length: 13 }, (_, i) => i);
const [T_F32, T_F16, T_Q4_0, T_Q8_0, T_Q4_K] = [0, 1, 2, 8, 12];

const key = (name: string, type: number, value: Bytes): Bytes => [...text(name), ...u32(type), ...value];
const list = (type: number, n: number | bigint, values: Bytes): Bytes => [...u32(type), ...u64(n), ...values];
const tensor = (name: string, dims: (number | bigint)[], type: number, offset: number | bigint): Bytes => [
  ...text(name),
  ...u32(dims.length),
  ...dims.flatMap(u64),
  ...u32(type),
  ...u64(offset),
];
const aligned = (n: number | bigint, type = U32) =>
  key('general.alignment', type, type === U32 || type === I32 ? u32(Number(n)) : u64(n));

interface Parts {
  version?: number;
  keys?: Bytes[];
  tensors?: Bytes[];
  /** Bytes of data after the padding of the header. */
  data?: number;
  nKeys?: number | bigint;
  nTensors?: number | bigint;
  align?: number;
}
function file({ version = 3, keys = [], tensors = [], data = 0, nKeys, nTensors, align = 32 }: Parts): Uint8Array<ArrayBuffer> {
  const counts = [...u64(nTensors ?? tensors.length), ...u64(nKeys ?? keys.length)];
  const head = [...MAGIC, ...u32(version), ...counts, ...keys.flat(), ...tensors.flat()];
  const made = new Uint8Array(tensors.length ? Math.ceil(head.length / align) * align + data : head.length);
  made.set(head);
  for (let i = 0; i < data; i++) made[made.length - data + i] = i;
  return made;
}
const bytes = (...parts: Bytes[]) => new Uint8Array(parts.flat());
const one = (name: string, dims: (number | bigint)[], type: number, offset: number | bigint, data: number) =>
  file({ tensors: [tensor(name, dims, type, offset)], data });
const with1 = (value: Bytes) => file({ keys: [value] });
const two = (first: Bytes, second: Bytes, data: number) => file({ tensors: [first, second], data });
const a = tensor('a', [8], T_F32, 0);
const short = (drop: number) => file({ tensors: [a], data: 32 }).slice(0, -drop);
const big = 1n << 40n;

export const BROKEN: Broken[] = [
  // the beginning
  ['a file begins with GGUF: it is empty', bytes(), '4 more bytes'],
  ['a file begins with GGUF: three letters', bytes(raw('GGU')), '4 more bytes'],
  ['a file begins with GGUF: another word', bytes(raw('GGML'), u32(3), u64(0), u64(0)), 'the magic GGUF'],
  ['a file begins with GGUF: in small letters', bytes(raw('gguf'), u32(3), u64(0), u64(0)), 'the magic GGUF'],
  ['a file begins with GGUF: the wrong way round', bytes(raw('FUGG'), u32(3), u64(0), u64(0)), 'the magic GGUF'],
  ['a version follows', bytes(MAGIC), '4 more bytes'],
  ['the version is 2 or 3: 0', file({ version: 0 }), 'version 2 or 3'],
  ['the version is 2 or 3: 1, with counts of 32 bits', bytes(MAGIC, u32(1), u32(0), u32(0)), 'version 2 or 3'],
  ['the version is 2 or 3: 4', file({ version: 4 }), 'version 2 or 3'],
  ['the version is little-endian', bytes(MAGIC, [0, 0, 0, 3], u64(0), u64(0)), 'a big-endian file'],
  ['counts follow: none', bytes(MAGIC, u32(3)), '8 more bytes'],
  ['counts follow: one', bytes(MAGIC, u32(3), u64(0)), '8 more bytes'],
  ['counts follow: half', bytes(MAGIC, u32(3), u64(0), u32(0)), '8 more bytes'],
  // counts
  ['so many tensors fit the file', file({ nTensors: 1000 }), 'tensors that fit the file'],
  ['the count of tensors has no sign', file({ nTensors: (1n << 64n) - 1n }), 'tensors that fit the file'],
  ['the count of tensors does not wrap', file({ nTensors: 1n << 63n }), 'tensors that fit the file'],
  ['so many keys fit the file', file({ nKeys: 1000 }), 'metadata keys that fit the file'],
  ['the count of keys has no sign', file({ nKeys: (1n << 64n) - 1n }), 'metadata keys that fit the file'],
  ['the count of keys does not wrap', file({ nKeys: 1n << 63n }), 'metadata keys that fit the file'],
  ['all keys are there', file({ keys: [key('a', TEXT, text('x'.repeat(20)))], nKeys: 2 }), 'more bytes'],
  ['all tensors are there', new Uint8Array([...file({ nTensors: 2 }), ...a, ...u64(0), ...u64(0)]), 'an empty one'],
  // keys
  ['a key has a name', with1(key('', U32, u32(1))), 'keys with a name'],
  ['a key comes once', file({ keys: [key('k', U32, u32(1)), key('k', U32, u32(1))] }), 'k twice'],
  ['a key comes once: with another type', file({ keys: [key('k', U32, u32(1)), key('k', TEXT, text('1'))] }), 'k twice'],
  ['a key has at most 65535 bytes', with1(key('k'.repeat(65536), U32, u32(1))), 'at most 65535 bytes for a key'],
  ['a key lies in the file', bytes(MAGIC, u32(3), u64(0), u64(1), u64(100), raw('key'), u64(0)), 'bytes of a key that fit'],
  [
    'the length of a key does not wrap',
    bytes(MAGIC, u32(3), u64(0), u64(1), u64((1n << 64n) - 1n), u64(0)),
    'bytes of a key that fit',
  ],
  ['a key is UTF-8', with1([...u64(1), 0xff, ...u32(BOOL), 1]), 'UTF-8 text for a key'],
  ['a key is UTF-8: no surrogate', with1([...u64(3), 0xed, 0xa0, 0x80, ...u32(BOOL), 1]), 'UTF-8 text for a key'],
  ['a key has a type', bytes(MAGIC, u32(3), u64(0), u64(1), text('abcde')), '4 more bytes'],
  // values
  ['a type is from 0 to 12: 13', with1(key('k', 13, u64(0))), 'a value type from 0 to 12'],
  ['a type is from 0 to 12: 2^32 - 1', with1(key('k', 0xffffffff, u64(0))), 'a value type from 0 to 12'],
  ['a value is there: 1 byte', with1(key('key12', U8, [])), '1 more bytes'],
  ['a value is there: 1 byte, signed', with1(key('key12', I8, [])), '1 more bytes'],
  ['a value is there: 2 bytes', with1(key('key12', U16, [1])), '2 more bytes'],
  ['a value is there: 2 bytes, signed', with1(key('key12', I16, [1])), '2 more bytes'],
  ['a value is there: 4 bytes', with1(key('key12', U32, [1, 2, 3])), '4 more bytes'],
  ['a value is there: a float', with1(key('key12', F32, [1, 2, 3])), '4 more bytes'],
  ['a value is there: 8 bytes', with1(key('key12', U64, u32(0))), '8 more bytes'],
  ['a value is there: 8 bytes, signed', with1(key('key12', I64, u32(0))), '8 more bytes'],
  ['a value is there: a double', with1(key('key12', F64, u32(0))), '8 more bytes'],
  ['a boolean is 0 or 1', with1(key('k', BOOL, [2])), '0 or 1 for k'],
  ['a boolean is 0 or 1, in a list too', with1(key('k', LIST, list(BOOL, 2, [1, 255]))), '0 or 1 for k'],
  ['a text lies in the file', with1(key('k', TEXT, [...u64(9), ...raw('short')])), 'bytes of k that fit'],
  ['the length of a text does not wrap', with1(key('k', TEXT, u64((1n << 64n) - 4n))), 'bytes of k that fit'],
  ['a text is UTF-8', with1(key('k', TEXT, [...u64(2), 0xc3, 0x28])), 'UTF-8 text for k'],
  ['a text has a length', with1(key('k12', TEXT, u32(0))), '8 more bytes'],
  ['a list has a type', with1(key('k1234', LIST, [])), '4 more bytes'],
  ['a list has a length', with1(key('k1', LIST, u32(U8))), '8 more bytes'],
  ['a list is of known values', with1(key('k', LIST, list(13, 1, [1]))), 'an array type from 0 to 12'],
  ['a list is of no lists', with1(key('k', LIST, list(LIST, 0, []))), 'an array of arrays'],
  ['a list lies in the file', with1(key('k', LIST, list(U8, 5, [1, 2, 3, 4]))), 'values of k that fit'],
  ['a list of 2^40 values lies in the file', with1(key('k', LIST, list(U8, big, [1]))), 'values of k that fit'],
  ['the bytes of a list do not wrap', with1(key('k', LIST, list(F64, 1n << 61n, u64(0)))), 'values of k that fit'],
  ['a list of texts lies in the file', with1(key('k', LIST, list(TEXT, 2, text('a')))), 'values of k that fit'],
  ['a text of a list lies in the file', with1(key('k', LIST, list(TEXT, 1, [...u64(9), 1]))), 'bytes of k that fit'],
  // alignment
  ['the alignment is an unsigned integer: a text', with1(key('general.alignment', TEXT, text('32'))), 'unsigned integer'],
  ['the alignment is an unsigned integer: signed', with1(aligned(32, I32)), 'unsigned integer'],
  ['the alignment is an unsigned integer: a float', with1(key('general.alignment', F32, [0, 0, 0, 0x42])), 'unsigned integer'],
  ['the alignment is an unsigned integer of 32 bits: 64', with1(aligned(32, U64)), 'unsigned integer'],
  ['the alignment is an unsigned integer of 32 bits: 8', with1(key('general.alignment', U8, [32])), 'unsigned integer'],
  ['the alignment is an unsigned integer: true', with1(key('general.alignment', BOOL, [1])), 'unsigned integer'],
  ['the alignment is a power of two: 0', with1(aligned(0)), 'a power of two'],
  ['the alignment is a power of two: 48', with1(aligned(48)), 'a power of two'],
  ['the alignment is at most 1 MiB: 2 MiB', with1(aligned(1 << 21)), 'a power of two up to 1048576'],
  ['the alignment is at most 1 MiB: 2^31', with1(aligned(2 ** 31)), 'a power of two up to 1048576'],
  // names and shapes of tensors
  ['a tensor has a name', one('', [8], T_F32, 0, 32), 'tensors with a name'],
  ['a tensor comes once', two(a, tensor('a', [8], T_F32, 32), 64), 'a twice'],
  ['a name has at most 63 bytes', one('n'.repeat(64), [8], T_F32, 0, 32), 'at most 63 bytes'],
  ['a name is UTF-8', file({ tensors: [[...u64(1), 0xff, ...a.slice(9)]], data: 32 }), 'UTF-8 text for a tensor name'],
  ['a name lies in the file', file({ tensors: [[...u64(1 << 20), ...a.slice(8)]], data: 32 }), 'bytes of a tensor name that fit'],
  ['a tensor has at most 4 dimensions: 5', one('a', [1, 1, 1, 1, 8], T_F32, 0, 32), 'at most 4 dimensions'],
  [
    'a tensor has at most 4 dimensions: 2^32 - 1',
    file({ tensors: [[...text('a'), ...u32(-1), ...u64(8)]], data: 32 }),
    'at most 4',
  ],
  ['a size has no sign', one('a', [(1n << 64n) - 1n], T_F32, 0, 32), 'less than 2^63 values'],
  ['two sizes without a sign', one('a', [(1n << 64n) - 2n, (1n << 64n) - 4n], T_F32, 0, 32), 'less than 2^63 values'],
  ['the product of sizes does not wrap', one('a', [1n << 32n, 1n << 32n], T_F32, 0, 32), 'less than 2^63 values'],
  ['a size of 0 hides none that is too large', one('a', [0, 1n << 32n, 1n << 32n], T_F32, 0, 0), 'less than 2^63 values'],
  ['bytes are below 2^53', one('a', [1n << 52n], T_F32, 0, 32), 'within 2^53 bytes'],
  ['rows are whole blocks: of 32', one('a', [33], T_Q8_0, 0, 64), 'whole q8_0 blocks (32)'],
  ['rows are whole blocks: of 32, half a row', one('a', [16, 2], T_Q4_0, 0, 32), 'whole q4_0 blocks (32)'],
  ['rows are whole blocks: of 256', one('a', [128], T_Q4_K, 0, 96), 'whole q4_k blocks (256)'],
  ['a type is known: 4, which was given up', one('a', [32], 4, 0, 32), 'a tensor type that ggml knows'],
  ['a type is known: 31, which was given up', one('a', [32], 31, 0, 32), 'a tensor type that ggml knows'],
  ['a type is known: 999', one('a', [8], 999, 0, 32), 'a tensor type that ggml knows'],
  ['a type is known: 2^32 - 1', one('a', [8], -1, 0, 32), 'a tensor type that ggml knows'],
  // places and data
  ['tensors begin at 0', one('a', [8], T_F32, 32, 64), 'a at offset 0'],
  ['offsets are aligned', two(a, tensor('b', [8], T_F32, 33), 96), 'b at offset 32'],
  ['tensors do not overlap', two(a, tensor('b', [8], T_F32, 0), 64), 'b at offset 32'],
  ['tensors leave no hole', two(a, tensor('b', [8], T_F32, 64), 96), 'b at offset 32'],
  ['tensors lie in the order of their names', two(tensor('a', [8], T_F32, 32), tensor('b', [8], T_F32, 0), 64), 'a at offset 0'],
  ['an offset has no sign', one('a', [8], T_F32, (1n << 64n) - 32n, 32), 'a at offset 0'],
  ['an offset counts the padding', two(tensor('a', [2], T_F32, 0), tensor('b', [2], T_F32, 8), 64), 'b at offset 32'],
  ['data is there: none', short(32), 'bytes of header and tensors'],
  ['data is there: a byte less', short(1), 'bytes of header and tensors'],
  ['data is there: not even the padding of the header', file({ tensors: [a] }).slice(0, -3), 'bytes of header and tensors'],
  ['data is there: not that of the second', two(a, tensor('b', [8], T_F32, 32), 32), 'bytes of header and tensors'],
  ['data is there: padded to its end', one('a', [2], T_F16, 0, 4), 'bytes of header and tensors'],
  ['data of 2^40 bytes is there', one('a', [big / 4n], T_F32, 0, 32), 'bytes of header and tensors'],
  ['a tensor is described to its end', bytes(MAGIC, u32(3), u64(1), u64(0), a.slice(0, -2)), '8 more bytes'],
  // files of other kinds
  ['it is no safetensors', bytes(u64(2), raw('{}')), 'the magic GGUF'],
  ['it is no web page', bytes(raw('<!DOCTYPE html><title>404</title>')), 'the magic GGUF'],
  ['it is no pointer of git-lfs', bytes(raw('version https://git-lfs.github.com/spec/v1\n')), 'the magic GGUF'],
];

const values: [string, number, Bytes][] = [
  ...([
    ['u8', U8, [255]],
    ['i8', I8, [128]],
    ['u16', U16, [1, 2]],
    ['i16', I16, [255, 255]],
  ] as [string, number, Bytes][]),
  ...([
    ['u32', U32, u32(-1)],
    ['i32', I32, u32(-1)],
    ['f32', F32, [0, 0, 192, 127]],
  ] as [string, number, Bytes][]),
  ...([
    ['u64', U64, u64((1n << 64n) - 1n)],
    ['i64', I64, u64((1n << 64n) - 1n)],
    ['f64', F64, u64(0x7ff0n << 48n)],
  ] as [string, number, Bytes][]),
];

export const ODD: Odd[] = [
  ['nothing in it', file({}), [], {}],
  ['version 2', file({ version: 2, keys: [key('k', U32, u32(1))] }), ['k'], {}],
  ...values.map(([name, type, value]): Odd => [`an extreme ${name}`, with1(key('k', type, value)), ['k'], {}]),
  ['a list of nothing', with1(key('k', LIST, list(F32, 0, []))), ['k'], {}],
  ['a list of empty texts', with1(key('k', LIST, list(TEXT, 3, [0, 0, 0].flatMap(u64)))), ['k'], {}],
  ['an empty text', with1(key('k', TEXT, text(''))), ['k'], {}],
  ['a text with NUL and a byte-order mark', with1(key('k', TEXT, text('\ufeffa\0b'))), ['k'], {}],
  [
    'keys named like properties',
    file({ keys: [key('__proto__', U8, [1]), key('constructor', U8, [1])] }),
    ['__proto__', 'constructor'],
    {},
  ],
  ['a key of 65535 bytes', with1(key('k'.repeat(65535), U8, [1])), ['k'.repeat(65535)], {}],
  ['a tensor without a dimension', one('a', [], T_F32, 0, 32), [], { a: [] }],
  ['a tensor of no bytes', one('a', [0], T_F32, 0, 0), [], { a: [0] }],
  ['four dimensions', one('a', [2, 1, 2, 2], T_F32, 0, 32), [], { a: [2, 1, 2, 2] }],
  ['a name of 63 bytes', one('n'.repeat(63), [8], T_F32, 0, 32), [], { ['n'.repeat(63)]: [8] }],
  ['bytes after the data', one('a', [8], T_F32, 0, 99), [], { a: [8] }],
  [
    'an alignment of 1',
    file({ keys: [aligned(1)], tensors: [tensor('a', [3], T_F16, 0), tensor('b', [1], T_F16, 6)], data: 8, align: 1 }),
    ['general.alignment'],
    { a: [3], b: [1] },
  ],
  [
    'an alignment of 1 MiB',
    file({ keys: [aligned(1 << 20)], tensors: [a], data: 1 << 20, align: 1 << 20 }),
    ['general.alignment'],
    { a: [8] },
  ],
];
