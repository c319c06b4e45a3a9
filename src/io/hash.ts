// SHA-256 as hexadecimal text, by the platform's own implementation: of bytes in memory, and of a stream of any length.

import { nodeHash, type Source } from './bytes.ts';
import { type Chunks, piecesOf } from './store.ts';

/** The SHA-256 of the bytes of a view. */
export async function sha256(view: ArrayBufferView<ArrayBuffer>): Promise<string> {
  return hex(await digest(view));
}

/**
 * The chunks of a file as they go; `done` hears of their number of bytes and of their SHA-256, which sha256sum would give. By the
 * runtime's own running hash; a page has none, so there all of the file waits in memory.
 */
export async function* sha256Of(
  chunks: Chunks,
  done: (sum: { bytes: number; sha256: string }) => void,
): AsyncGenerator<Uint8Array> {
  const running = nodeHash();
  const parts: BlobPart[] = [];
  let bytes = 0;
  for await (const part of piecesOf(chunks)) {
    if (running) running.update(part);
    else parts.push(part.slice());
    bytes += part.length;
    yield part;
  }
  done({ bytes, sha256: running ? running.digest('hex') : await sha256(new Uint8Array(await new Blob(parts).arrayBuffer())) });
}

/** The SHA-256 of a place's bytes. */
export async function sha256Sum(source: Source): Promise<string> {
  let sum = '';
  for await (const _ of sha256Of(partsOf(source), (all) => (sum = all.sha256)));
  return sum;
}

/** The bytes of a place, a piece at a time. */
export async function* partsOf({ size, read }: Source): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < size; at += PIECE) yield await read(at, Math.min(PIECE, size - at));
}

/** Bytes of a stream that are hashed at a time. */
export const PIECE = 1 << 22;

/**
 * The bytes of a stream in pieces of `PIECE` bytes, but for the last. A piece is good until the next is asked for.
 */
export async function* pieced(parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const piece = new Uint8Array(PIECE);
  let filled = 0;
  for await (const part of parts)
    for (let at = 0; at < part.length; ) {
      const n = Math.min(PIECE - filled, part.length - at);
      piece.set(part.subarray(at, at + n), filled);
      filled += n;
      at += n;
      if (filled === PIECE) yield piece;
      filled %= PIECE;
    }
  if (filled) yield piece.subarray(0, filled);
}

/**
 * A hash of a stream's bytes, however they are cut into parts, that holds one piece in memory: the SHA-256 over the SHA-256 sums
 * of its pieces of 4 MiB and its length. Not the SHA-256 of the whole, which the platform only makes of bytes in memory; one in
 * JavaScript takes some six times as long.
 */
export async function streamHash(parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = streamHasher();
  for await (const part of parts) await hash.add(part);
  return hash.sum();
}

/** The same for parts that are given one after the other. */
export function streamHasher(): { add(part: Uint8Array): Promise<void>; sum(): Promise<string> } {
  const sums: Uint8Array[] = [];
  const piece = new Uint8Array(PIECE);
  let filled = 0;
  let length = 0;
  return {
    async add(part) {
      length += part.length;
      for (let at = 0; at < part.length; ) {
        const n = Math.min(PIECE - filled, part.length - at);
        const whole = n === PIECE;
        if (!whole) piece.set(part.subarray(at, at + n), filled);
        filled += n;
        if (filled === PIECE) sums.push(await digest(whole ? (part.subarray(at, at + n) as Uint8Array<ArrayBuffer>) : piece));
        filled %= PIECE;
        at += n;
      }
    },
    async sum() {
      sums.push(await digest(piece.subarray(0, filled)), new TextEncoder().encode(String(length)));
      return hex(await digest(new Uint8Array(await new Blob(sums as Uint8Array<ArrayBuffer>[]).arrayBuffer())));
    },
  };
}

async function digest(view: ArrayBufferView<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', view));
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
