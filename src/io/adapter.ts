// Adapter folders: adapter_config.json beside adapter_model.safetensors. Reads and writes blocktune's own kind, the trained
// blocks of SMT, and hands PEFT's kind, LoRA and DoRA, to adapter-peft.ts. What comes in is checked to the last block.
import * as v from 'valibot';
import { type PeftAdapter, peftFiles, readPeft } from './adapter-peft.ts';
import { type Folder, openPlace, type PlaceOptions, readJson, type Source } from './bytes.ts';
import { decode } from './dequant.ts';
import { sha256Sum } from './hash.ts';
import { parseJson } from './json.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';
import { fitting, sha256s, whole } from './schema.ts';
import type { FileToWrite } from './write.ts';

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

/** A saved adapter: blocks of SMT, or factors of LoRA and DoRA in PEFT's form. */
export type Adapter = SmtAdapter | PeftAdapter;

/** Reads an adapter folder, ours or PEFT's: a path, an address, or an open Folder. */
export async function loadAdapter(where: string | Folder, options: PlaceOptions = {}): Promise<Adapter> {
  const place = typeof where === 'string' ? await openPlace(where, options) : { folder: where };
  if (!('folder' in place))
    throw new Error(`expected an adapter folder at ${place.source.name}, got a file; name the folder that holds it`);
  const [configFile, weights] = [await fileOf(place.folder, CONFIG_FILE), await fileOf(place.folder, WEIGHTS_FILE)];
  try {
    for (const file of [configFile, weights]) await holdToReceipt(place.folder, file);
    const config = await readJson(configFile);
    const { tensors, metadata } = await readSafetensors(weights);
    if (!('peft_type' in config)) return await readSmt(config, tensors);
    return { ...(await readPeft(config, tensors, place.folder.name)), ...readHashes(metadata) };
  } catch (e) {
    throw new Error(`the adapter ${place.folder.name}: ${(e as Error).message}`);
  } finally {
    await configFile.close();
    await weights.close();
  }
}

/** SHA-256 sums of the f32 values of the base's matrices, where the adapter notes them. */
export const hashesOf = (adapter: Adapter): Record<string, string> =>
  adapter.method === 'smt' ? adapter.base.sha256 : (adapter.sha256 ?? {});

/** The files of an adapter folder, for `writeFolder` or a download. */
export function adapterFiles(adapter: Adapter): FileToWrite[] {
  const { config, tensors } = adapter.method === 'smt' ? smtFiles(adapter) : peftFiles(adapter);
  // PEFT's config has no place for the base's hashes and refuses keys that it does not know
  const hashes: Record<string, string> =
    adapter.method !== 'smt' && adapter.sha256 ? { [HASHES]: JSON.stringify(adapter.sha256) } : {};
  return [
    { name: WEIGHTS_FILE, chunks: writeSafetensors(tensors, { format: 'pt', ...hashes }) },
    { name: CONFIG_FILE, chunks: `${JSON.stringify(config, null, 2)}\n` },
  ];
}

/** Throws where the adapter's matrices are not those of a model with these shapes, naming the first that differs. */
export function checkAdapter(adapter: Adapter, shapes: Map<string, number[]>): void {
  const matrices =
    adapter.method === 'smt'
      ? adapter.matrices.map(({ name }) => ({ name, shape: adapter.base.shapes[name] }))
      : adapter.matrices;
  for (const { name, shape: expected } of matrices) {
    const got = shapes.get(name);
    if (got?.join() !== expected.join())
      throw new Error(
        `expected ${name} of shape ${expected.join(' x ')} as the adapter has it, got ${got?.join(' x ') ?? 'no such weight'} in the model; ` +
          'the adapter was trained on another model',
      );
  }
}

const CONFIG_FILE = 'adapter_config.json';
const WEIGHTS_FILE = 'adapter_model.safetensors';
/** The file's name, beside the result of a run. */
export const RECEIPT = 'receipt.json';

const HASHES = 'base_sha256';

const CONFIG = v.object({
  method: v.literal('smt', 'expected smt, or a peft_type beside'),
  block: whole(1),
  targets: v.array(v.string()),
  score: v.string(),
  budget: v.string(),
  seed: v.number(),
  version: v.string(),
  base: v.object({ shapes: v.record(v.string(), v.tuple([whole(1), whole(1)])), sha256: sha256s }),
});

/** The base's hashes among the metadata of a PEFT adapter that blocktune wrote; another writer keeps none. */
function readHashes(metadata: Record<string, string>): { sha256?: Record<string, string> } {
  if (metadata[HASHES] === undefined) return {};
  return { sha256: fitting(sha256s, parseJson(metadata[HASHES]), HASHES) };
}

/** The part of a receipt that says what was written beside it. */
const SUMS = v.object({ result: v.record(v.string(), v.object({ bytes: whole(0), sha256: v.string() })) });

/** Throws where the receipt that a run left beside an adapter gives a file other bytes: it was damaged or changed since. */
async function holdToReceipt(folder: Folder, file: Source): Promise<void> {
  const receipt = await folder.file(RECEIPT);
  if (!receipt) return;
  try {
    const name = file.name.split(/[\\/]/).at(-1)!;
    const said = fitting(SUMS, await readJson(receipt), RECEIPT).result[name];
    if (!said || (said.bytes === file.size && said.sha256 === (await sha256Sum(file)))) return;
    throw new Error(
      `expected ${name} as ${RECEIPT} beside it has it, got other bytes; the adapter was damaged or changed since it was trained (where that was meant, remove ${RECEIPT})`,
    );
  } finally {
    await receipt.close();
  }
}

async function fileOf(folder: Folder, name: string) {
  const file = await folder.file(name);
  if (!file) throw new Error(`expected ${name} in ${folder.name}, got no such file; name an adapter folder`);
  return file;
}

function smtFiles(adapter: SmtAdapter) {
  const { matrices, ...config } = adapter;
  const view = (array: ArrayBufferView<ArrayBufferLike>) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const { block: b } = adapter;
  const tensors = matrices.flatMap(({ name, index, blocks }) => [
    { name: `${name}.blocks`, dtype: 'F32', shape: [index.length / 2, b, b], bytes: () => view(blocks) },
    { name: `${name}.index`, dtype: 'I32', shape: [index.length / 2, 2], bytes: () => view(index) },
  ]);
  return { config, tensors };
}

async function readSmt(config: Record<string, any>, tensors: Map<string, StoredTensor>): Promise<SmtAdapter> {
  const { base, ...own } = fitting(CONFIG, config, CONFIG_FILE);
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
