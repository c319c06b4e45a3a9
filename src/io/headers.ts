// What a file holds and whether it is sound, by its header alone: the answer of `inspect`. Loads no model.
import { readJson, type Source } from './bytes.ts';
import { readGguf } from './gguf.ts';
import { readSafetensors } from './safetensors.ts';

export interface FileReport {
  kind: 'safetensors' | 'gguf' | 'json';
  /** Scalars and texts of the header; of a long list its length. */
  metadata: Record<string, unknown>;
  /** `format` as the file names it; `shape` slowest dimension first. */
  tensors: { name: string; format: string; shape: number[]; bytes: number }[];
}

/** Reads a .safetensors, .gguf or .json file strictly; throws, naming the file, where it is not sound. */
export async function inspectFile(source: Source): Promise<FileReport> {
  if (/\.json$/i.test(source.name)) return { kind: 'json', metadata: await readJson(source), tensors: [] };
  if (/\.gguf$/i.test(source.name) || (await isGguf(source))) return inspectGguf(source);
  const { metadata, tensors } = await readSafetensors(source);
  const rows = [...tensors.values()].map(({ name, dtype, shape, bytes }) => ({ name, format: dtype, shape, bytes }));
  return { kind: 'safetensors', metadata, tensors: rows };
}

async function isGguf(source: Source): Promise<boolean> {
  return source.size >= 4 && new TextDecoder('latin1').decode(await source.read(0, 4)) === 'GGUF';
}

async function inspectGguf(source: Source): Promise<FileReport> {
  const gguf = await readGguf(source);
  const short = (value: unknown) => (Array.isArray(value) && value.length > 8 ? `${value.length} values` : value);
  const metadata = Object.fromEntries([...gguf.metadata].map(([key, value]) => [key, short(value)]));
  const tensors = [...gguf.tensors.values()].map(({ name, type, dims, bytes }) => ({
    name,
    format: type,
    shape: [...dims].reverse(),
    bytes,
  }));
  return { kind: 'gguf', metadata, tensors };
}
