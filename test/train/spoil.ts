// A model spoiled with values that are none. No test in here.
import { readFileSync, writeFileSync } from 'node:fs';
import { memorySource } from '../../src/io/bytes.ts';
import { readSafetensors } from '../../src/io/safetensors.ts';

/** The model with a value that is none in every embedding, or in those of some tokens. */
export async function spoil(path: string, value: number, tokens?: number[]): Promise<void> {
  const bytes = new Uint8Array(readFileSync(path));
  const { shape, offset } = (await readSafetensors(memorySource(bytes))).tensors.get('model.embed_tokens.weight')!;
  for (const id of tokens ?? Array.from({ length: shape[0] }, (_, i) => i))
    new DataView(bytes.buffer).setFloat32(offset + 4 * id * shape[1], value, true);
  writeFileSync(path, bytes);
}
