// The trained blocks of SMT in an adapter folder: per matrix the differences and where they lie. What comes in is checked to the last
// block. The folder itself is adapter.ts.
import * as v from 'valibot';
import { decode } from './dequant.ts';
import type { StoredTensor, TensorToWrite } from './safetensors.ts';
import { fitting, sha256s, whole } from './schema.ts';

/** Trained blocks as differences from the base. */
export interface SmtAdapter {
  method: 'smt';
  /** Block edge b. */
  block: number;
  targets: string[];
  score: string;
  budget: string;
  seed: number;
  /** Of the blocktune that wrote it. */
  version: string;
  /** Of every target matrix of the base: [out, in] and the SHA-256 of its f32 values. */
  base: { shapes: Record<string, [number, number]>; sha256: Record<string, string> };
  matrices: SmtMatrix[];
}

export interface SmtMatrix {
  /** The weight's Hugging Face name. */
  name: string;
  /** [n, 2]: row and column of each block, counted in blocks. */
  index: Int32Array;
  /** [n, b, b]: new values minus base values. */
  blocks: Float32Array;
}

/** The config and tensors of blocks. */
export function blockFiles(adapter: SmtAdapter): { config: Record<string, unknown>; tensors: TensorToWrite[] } {
  const { matrices, ...config } = adapter;
  const view = (array: ArrayBufferView<ArrayBufferLike>) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const { block: b } = adapter;
  const tensors = matrices.flatMap(({ name, index, blocks }) => [
    { name: `${name}.blocks`, dtype: 'F32', shape: [index.length / 2, b, b], bytes: () => view(blocks) },
    { name: `${name}.index`, dtype: 'I32', shape: [index.length / 2, 2], bytes: () => view(index) },
  ]);
  return { config, tensors };
}

/** The blocks of a folder's config and tensors. */
export async function readBlocks(config: Record<string, any>, tensors: Map<string, StoredTensor>): Promise<SmtAdapter> {
  const { base, ...own } = fitting(CONFIG, config, 'adapter_config.json');
  const { block } = own;
  const { shapes } = base;
  checkBase(base, block);
  const names = [...tensors.keys()].filter((name) => name.endsWith('.index')).map((name) => name.slice(0, -'.index'.length));
  const known = new Set(names.flatMap((name) => [`${name}.index`, `${name}.blocks`]));
  for (const name of tensors.keys()) if (!known.has(name)) fail('tensors in pairs of .blocks and .index', name);
  const matrices: SmtMatrix[] = [];
  for (const name of names)
    matrices.push(await readMatrix(name, block, Object.hasOwn(shapes, name) ? shapes[name] : undefined, tensors));
  return { ...own, base, matrices };
}

const CONFIG = v.object({
  method: v.literal('smt', 'expected smt, smt+lora, or a peft_type beside'),
  block: whole(1),
  targets: v.array(v.string()),
  score: v.string(),
  budget: v.string(),
  seed: v.number(),
  version: v.string(),
  base: v.object({ shapes: v.record(v.string(), v.tuple([whole(1), whole(1)])), sha256: sha256s }),
});

function checkBase({ shapes, sha256 }: SmtAdapter['base'], block: number): void {
  for (const [name, shape] of Object.entries(shapes)) {
    if (shape.some((n) => n % block !== 0))
      fail(`two multiples of the block ${block} as the shape of ${name}`, JSON.stringify(shape));
    if (!Object.hasOwn(sha256, name)) fail(`a SHA-256 sum for ${name}`, 'none');
  }
}

async function readMatrix(
  name: string,
  b: number,
  shape: number[] | undefined,
  tensors: Map<string, StoredTensor>,
): Promise<SmtMatrix> {
  const [stored, places] = [tensors.get(`${name}.blocks`), tensors.get(`${name}.index`)!];
  if (!shape) return fail(`a shape for ${name} in base.shapes`, 'none');
  if (!stored) return fail(`${name}.blocks beside its index`, 'none');
  const n = places.shape[0];
  if (places.dtype !== 'I32' || places.shape.join() !== `${n},2`) fail(`${name}.index of I32 n x 2`, describe(places));
  if (!['F32', 'F16'].includes(stored.dtype) || stored.shape.join() !== `${n},${b},${b}`)
    fail(`${name}.blocks of F32 or F16 ${n} x ${b} x ${b}`, describe(stored));
  const read = await places.source.read(places.offset, places.bytes);
  const index = new Int32Array(read.slice().buffer);
  checkIndex(name, index, shape[0] / b, shape[1] / b);
  const bytes = await stored.source.read(stored.offset, stored.bytes);
  const blocks = decode(stored.dtype === 'F32' ? 'f32' : 'f16', bytes, n * b * b);
  const bad = blocks.findIndex((v) => !Number.isFinite(v));
  if (bad >= 0) fail(`finite values in ${name}.blocks`, `${blocks[bad]} in block ${Math.floor(bad / (b * b))}`);
  return { name, index, blocks };
}

function checkIndex(name: string, index: Int32Array, rows: number, cols: number): void {
  const seen = new Set<number>();
  for (let i = 0; i < index.length; i += 2) {
    const [row, col] = [index[i], index[i + 1]];
    if (row < 0 || row >= rows || col < 0 || col >= cols)
      fail(`blocks of ${name} within ${rows} x ${cols}`, `row ${row}, column ${col}`);
    if (seen.has(row * cols + col)) fail(`each block of ${name} once`, `row ${row}, column ${col} twice`);
    seen.add(row * cols + col);
  }
}

function describe(tensor: StoredTensor): string {
  return `${tensor.dtype} ${tensor.shape.join(' x ')}`;
}

function fail(expected: string, got: string): never {
  throw new Error(`expected ${expected}, got ${got}; the file is damaged or of another program`);
}
