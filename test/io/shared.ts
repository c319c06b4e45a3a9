// What the tests of src/io share: places of the fixtures and of the data beside the checkout. Holds no tests.
import { existsSync, readFileSync } from 'node:fs';
import { describe } from 'vitest';

export const FIXTURES = `${import.meta.dirname}/../fixtures/io`;
export const SHARED = process.env.BLOCKTUNE_SHARED ?? `${import.meta.dirname}/../../../shared`;

/** A `describe` that is skipped, with the reason in its name, where the data beside the checkout is absent. */
export function describeShared(name: string, tests: () => void): void {
  const there = existsSync(SHARED);
  describe.skipIf(!there)(there ? name : `${name} (skipped: no data at ${SHARED}; set BLOCKTUNE_SHARED)`, tests);
}

/** A JSON file below the shared data, or undefined where that is absent. */
export function sharedJson(path: string): any {
  return existsSync(`${SHARED}/${path}`) ? JSON.parse(readFileSync(`${SHARED}/${path}`, 'utf8')) : undefined;
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

/** All chunks as one array. */
export async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of chunks) parts.push(new Uint8Array(chunk));
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
