// Values of a config's fields as what they must be, and the one sentence for what they must not be: of config.json and of GGUF keys.

import type { ModelType } from '../models/config.ts';

/** Throws the one sentence for a field that is not supported or not sound. */
export function refuse(field: string, value: unknown, expected: string, cure = 'blocktune does not run this model'): never {
  const got = value === undefined ? 'nothing' : JSON.stringify(value);
  throw new Error(`expected ${field} to be ${expected}, got ${got}; ${cure}`);
}

/** A positive integer below 2^31 under `field`. */
export function size(raw: Record<string, any>, field: string, absent?: number): number {
  const value = raw[field] ?? absent;
  return Number.isInteger(value) && value > 0 && value < 2 ** 31 ? value : refuse(field, value, 'a positive integer');
}

/** A positive finite number under `field`. */
export function positive(raw: Record<string, any>, field: string, absent?: number): number {
  const value = raw[field] ?? absent;
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : refuse(field, value, 'a positive number');
}

/** A boolean under `field`. */
export function flag(raw: Record<string, any>, field: string, absent = false): boolean {
  const value = raw[field] ?? absent;
  return typeof value === 'boolean' ? value : refuse(field, value, 'true or false');
}

/** max_position_embeddings of a config.json; a file that does not say it has its class's. */
export const maxPositions = (raw: Record<string, any>, type: ModelType) =>
  size(raw, 'max_position_embeddings', { llama: 2048, mistral: 131072, qwen2: 32768, qwen3: 32768, smollm3: 32768 }[type]);
