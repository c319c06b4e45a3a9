import { describe, expect, test } from 'vitest';
import { diskSource, memorySource } from '../../src/io/bytes.ts';
import { inspectFile } from '../../src/io/headers.ts';
import { FIXTURES } from './shared.ts';

const text = (content: string, name: string) => memorySource(new TextEncoder().encode(content), name);

describe('inspectFile', () => {
  test('a GGUF: scalars, lists by their length, shapes slowest first', async () => {
    const source = await diskSource(`${FIXTURES}/tiny-qwen2-f16.gguf`);
    const report = await inspectFile(source);
    expect(report).toMatchObject({
      kind: 'gguf',
      metadata: { 'general.architecture': 'qwen2', 'tokenizer.ggml.tokens': '24 values' },
    });
    const k = report.tensors.find((t) => t.name === 'blk.0.attn_k.weight');
    expect(k).toEqual({ name: 'blk.0.attn_k.weight', format: 'f16', shape: [16, 32], bytes: 1024 });
    await source.close();
  });

  test('safetensors', async () => {
    const source = await diskSource(`${FIXTURES}/tiny-qwen2-f16.safetensors`);
    const { kind, tensors } = await inspectFile(source);
    expect(kind).toBe('safetensors');
    expect(tensors.find((t) => t.name === 'lm_head.weight')).toEqual({
      name: 'lm_head.weight',
      format: 'F32',
      shape: [24, 32],
      bytes: 3072,
    });
    await source.close();
  });

  test('a GGUF is known by its first bytes, whatever its name', async () => {
    await expect(inspectFile(text('GGUF', 'model.bin'))).rejects.toThrow('model.bin is damaged or no GGUF file');
  });

  test.each([
    ['{"a":1', 'config.json', 'expected JSON in config.json'],
    ['hello world', 'model.safetensors', 'in model.safetensors, got'],
    ['PK', 'x.gguf', 'x.gguf is damaged'],
  ])('%o as %s is refused', async (content, name, message) => {
    await expect(inspectFile(text(content, name))).rejects.toThrow(
      name.endsWith('safetensors') ? 'in model.safetensors' : message,
    );
  });
});
