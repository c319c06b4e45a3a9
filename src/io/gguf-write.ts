// The GGUF format, version 3, written as a stream: metadata, where each tensor lies, the tensors one after the other. What the keys
// mean is export-gguf.ts; reading is gguf.ts.
import { FORMATS, type Format, formatBytes } from '../formats.ts';

/** A metadata pair with its type in the file; an array's type is that of its values. */
export type GgufField =
  | [key: string, type: 'u32' | 'f32' | 'bool' | 'string', value: number | boolean | string]
  | [key: string, type: 'strings' | 'i32s' | 'f32s', value: readonly string[] | readonly number[]];

export interface GgufTensorToWrite {
  name: string;
  format: Format;
  /** Slowest first: [out, in] for a matrix. */
  shape: number[];
  /** Asked for once, when its turn comes. */
  chunks: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A GGUF file in chunks. Tensors of another size than their shape says are an error. */
export async function* writeGguf(fields: GgufField[], tensors: GgufTensorToWrite[]): AsyncGenerator<Uint8Array> {
  yield header(fields, tensors);
  for (const tensor of tensors) {
    const expected = tensorSize(tensor);
    let written = 0;
    for await (const chunk of tensor.chunks()) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== expected)
      throw new Error(`expected ${expected} bytes for ${tensor.name}, got ${written}; this is a bug in the caller`);
    yield new Uint8Array(padded(written) - written);
  }
}

const ALIGNMENT = 32;
const padded = (n: number) => Math.ceil(n / ALIGNMENT) * ALIGNMENT;

function tensorSize({ format, shape }: GgufTensorToWrite): number {
  const rows = shape.slice(0, -1).reduce((a, b) => a * b, 1);
  return rows * formatBytes(format, shape.at(-1)!);
}

// Value types of the format.
const TYPES = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;

function header(fields: GgufField[], tensors: GgufTensorToWrite[]): Uint8Array {
  const out = growing();
  out.u32(0x46554747);
  out.u32(3);
  out.u64(tensors.length);
  out.u64(fields.length);
  for (const field of fields) writeField(out, field);
  let offset = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.u32(tensor.shape.length);
    for (const size of [...tensor.shape].reverse()) out.u64(size);
    out.u32(FORMATS[tensor.format].ggml);
    out.u64(offset);
    offset += padded(tensorSize(tensor));
  }
  return out.bytes(ALIGNMENT);
}

function writeField(out: Growing, [key, type, value]: GgufField): void {
  out.string(key);
  if (Array.isArray(value)) {
    const each = type.slice(0, -1) as 'string' | 'i32' | 'f32';
    out.u32(TYPES.array);
    out.u32(TYPES[each]);
    out.u64(value.length);
    for (const one of value) writeValue(out, each, one);
    return;
  }
  out.u32(TYPES[type as keyof typeof TYPES]);
  writeValue(out, type as keyof typeof TYPES, value as string | number | boolean);
}

function writeValue(out: Growing, type: keyof typeof TYPES, value: string | number | boolean): void {
  if (type === 'string') out.string(value as string);
  else if (type === 'f32') out.f32(value as number);
  else if (type === 'bool') out.u8(Number(value));
  else out.u32(value as number);
}

type Growing = ReturnType<typeof growing>;

// Bytes that grow; little-endian.
function growing() {
  let bytes = new Uint8Array(1 << 16);
  let view = new DataView(bytes.buffer);
  let at = 0;
  const take = (n: number) => {
    if (at + n > bytes.length) {
      const more = new Uint8Array(2 * (at + n));
      more.set(bytes);
      bytes = more;
      view = new DataView(bytes.buffer);
    }
    at += n;
    return at - n;
  };
  // room is made first: the view may be another afterwards
  const put = (n: number, write: (to: number) => void) => write(take(n));
  const text = new TextEncoder();
  const self = {
    u8: (v: number) => put(1, (to) => view.setUint8(to, v)),
    u32: (v: number) => put(4, (to) => view.setUint32(to, v, true)),
    u64: (v: number) => put(8, (to) => view.setBigUint64(to, BigInt(v), true)),
    f32: (v: number) => put(4, (to) => view.setFloat32(to, v, true)),
    string(v: string) {
      const utf8 = text.encode(v);
      self.u64(utf8.length);
      put(utf8.length, (to) => bytes.set(utf8, to));
    },
    /** What was written, with zeros up to a multiple of `step`. */
    bytes(step: number) {
      take((step - (at % step)) % step);
      return bytes.subarray(0, at);
    },
  };
  return self;
}
