/**
 * Thrift's compact form, walked without making anything of it: whether what a parquet file says of itself is sound, before it is
 * believed. A count that the bytes cannot hold would keep a reader busy for hours.
 */

const MAX_DEPTH = 32;

/** Numbers of a struct by field, and structs within it likewise. */
export interface Fields {
  [field: number]: number | Fields;
}

/** The struct at a place: its numbers and structs, and where it ends. Throws where it does not lie in the bytes. */
export function walk(bytes: Uint8Array, from: number): { fields: Fields; end: number } {
  let at = from;
  const fields = struct(0);
  return { fields, end: at };

  function struct(depth: number): Fields {
    if (depth > MAX_DEPTH) throw broken(`more than ${MAX_DEPTH} levels`);
    const found: Fields = {};
    for (let field = 0; ; ) {
      const head = byte();
      if (head === 0) return found;
      field = head >> 4 ? field + (head >> 4) : zigzag();
      const value = one(head & 15, depth, false);
      if (value !== undefined) found[field] = value;
    }
  }

  function one(type: number, depth: number, listed: boolean): number | Fields | undefined {
    if (type === 1 || type === 2) return void (listed && byte());
    if (type === 3) return void byte();
    if (type >= 4 && type <= 6) return zigzag();
    if (type === 7) return void skip(8);
    if (type === 8) return void skip(unsigned());
    if (type === 9 || type === 10) return void list(depth);
    if (type === 12) return struct(depth + 1);
    throw broken(`a value of type ${type}`);
  }

  function list(depth: number): void {
    const head = byte();
    const count = head >> 4 === 15 ? unsigned() : head >> 4;
    if (count > bytes.length - at) throw broken(`a list of ${count} values in ${bytes.length - at} bytes`);
    if (depth > MAX_DEPTH) throw broken(`more than ${MAX_DEPTH} levels`);
    for (let i = 0; i < count; i++) one(head & 15, depth + 1, true);
  }

  function byte(): number {
    if (at >= bytes.length) throw broken('the end');
    return bytes[at++];
  }

  function skip(n: number): void {
    if (!(n <= bytes.length - at)) throw broken('the end');
    at += n;
  }

  function unsigned(): number {
    let value = 0;
    for (let shift = 1; shift < 2 ** 70; shift *= 128) {
      const next = byte();
      value += (next & 127) * shift;
      if (next < 128) return value;
    }
    throw broken('a number without an end');
  }

  function zigzag(): number {
    const n = unsigned();
    return n % 2 ? -(n + 1) / 2 : n / 2;
  }
}

const broken = (got: string) => new Error(`expected sound headers in a parquet file, got ${got}; it is damaged`);
