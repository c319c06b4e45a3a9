// Files as one ZIP archive (APPNOTE 6.3.9), stored as they are: a Blob of their Blobs with headers between, so that nothing is read or
// copied until the archive is. What is larger than 32 bits can say is said in ZIP64.

/** A file of an archive; crc: crc32 of its bytes. */
export interface Zipped {
  name: string;
  blob: Blob;
  crc: number;
}

const VERSION = { plain: 20, zip64: 45 };
/** Names are UTF-8. */
const FLAGS = 0x0800;
/** 1 January 1980: archives of the same files are the same. */
const DATE = 0x0021;
const MOST = 0xffffffff;

/** The files as an archive, under these names. */
export function zipOf(files: readonly Zipped[]): Blob {
  const parts: BlobPart[] = [];
  const directory: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  for (const file of files) {
    const head = localHeader(file);
    directory.push(centralHeader(file, at));
    parts.push(head, file.blob);
    at += head.length + file.blob.size;
  }
  const size = directory.reduce((n, { length }) => n + length, 0);
  return new Blob([...parts, ...directory, ...ending(files.length, at, size)], { type: 'application/zip' });
}

function localHeader({ name, blob: { size }, crc }: Zipped): Uint8Array<ArrayBuffer> {
  const own = new TextEncoder().encode(name);
  const large = size >= MOST;
  const extra = large ? zip64([size, size]) : [];
  const sizes = large ? [u32(MOST), u32(MOST)] : [u32(size), u32(size)];
  return joined([
    ...[u32(0x04034b50), u16(large ? VERSION.zip64 : VERSION.plain), u16(FLAGS), u16(0), u16(0), u16(DATE), u32(crc)],
    ...[...sizes, u16(own.length), u16(lengthOf(extra)), own, ...extra],
  ]);
}

function centralHeader({ name, blob: { size }, crc }: Zipped, at: number): Uint8Array<ArrayBuffer> {
  const own = new TextEncoder().encode(name);
  const [large, far] = [size >= MOST, at >= MOST];
  const extra = large || far ? zip64([...(large ? [size, size] : []), ...(far ? [at] : [])]) : [];
  const version = u16(large || far ? VERSION.zip64 : VERSION.plain);
  const sizes = large ? [u32(MOST), u32(MOST)] : [u32(size), u32(size)];
  return joined([
    ...[u32(0x02014b50), version, version, u16(FLAGS), u16(0), u16(0), u16(DATE), u32(crc), ...sizes],
    ...[u16(own.length), u16(lengthOf(extra)), u16(0), u16(0), u16(0), u32(0), u32(far ? MOST : at), own, ...extra],
  ]);
}

function ending(files: number, at: number, size: number): Uint8Array<ArrayBuffer>[] {
  const end = (n: number, bytes: number, from: number) =>
    joined([u32(0x06054b50), u16(0), u16(0), u16(n), u16(n), u32(bytes), u32(from), u16(0)]);
  if (at < MOST && size < MOST && files < 0xffff) return [end(files, size, at)];
  const version = u16(VERSION.zip64);
  const record = [u32(0x06064b50), u64(44), version, version, u32(0), u32(0), u64(files), u64(files), u64(size), u64(at)];
  const locator = [u32(0x07064b50), u32(0), u64(at + size), u32(1)];
  return [joined([...record, ...locator]), end(0xffff, MOST, MOST)];
}

const zip64 = (values: number[]) => [u16(1), u16(8 * values.length), ...values.map(u64)];

const u16 = (v: number) => Uint8Array.of(v & 255, v >> 8);
const u32 = (v: number) => new Uint8Array(Uint32Array.of(v).buffer);
const u64 = (v: number) => new Uint8Array(BigUint64Array.of(BigInt(v)).buffer);
const lengthOf = (parts: Uint8Array[]) => parts.reduce((n, { length }) => n + length, 0);

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const TABLE = Uint32Array.from({ length: 256 }, (_, i) => {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** The CRC-32 of bytes that follow those of `before`. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let c = ~before;
  for (let i = 0; i < bytes.length; i++) c = TABLE[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}
