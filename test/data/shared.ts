// Files that tests read from outside the checkout, where they are; `there` is false on a machine without them.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe } from 'vitest';
import { memorySource, type Source } from '../../src/io/bytes.ts';

const root = resolve(import.meta.dirname, '../..', process.env.BLOCKTUNE_SHARED ?? '../shared');

export const there = existsSync(root);

/** A `describe` that is skipped, with the reason in its name, where the data beside the checkout is absent. */
export function describeShared(name: string, tests: () => void): void {
  describe.skipIf(!there)(there ? name : `${name} (skipped: no data at ${root}; set BLOCKTUNE_SHARED)`, tests);
}

export const shared = (path: string) => resolve(root, path);
export const sharedText = (path: string) => readFileSync(shared(path), 'utf8');
export const sharedJson = (path: string) => JSON.parse(sharedText(path));
export const sharedSource = (path: string): Source =>
  memorySource(new Uint8Array(readFileSync(shared(path))), path.split('/').at(-1)!);
export const textSource = (name: string, text: string): Source => memorySource(new TextEncoder().encode(text), name);
