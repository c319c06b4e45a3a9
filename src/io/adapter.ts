// Adapter folders: adapter_config.json beside adapter_model.safetensors. What is in them is adapter-blocks.ts's, the trained blocks of
// SMT, or adapter-peft.ts's, LoRA and DoRA in PEFT's form, or both, one beside the other.
import * as v from 'valibot';
import { blockFiles, readBlocks, type SmtAdapter } from './adapter-blocks.ts';
import { isFactor, type PeftAdapter, peftFiles, readPeft } from './adapter-peft.ts';
import { type Folder, openPlace, type PlaceOptions, readJson, type Source } from './bytes.ts';
import { sha256Sum } from './hash.ts';
import { parseJson } from './json.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';
import { fitting, sha256s, whole } from './schema.ts';
import type { FileToWrite } from './write.ts';

export type { SmtAdapter, SmtMatrix } from './adapter-blocks.ts';

/** Blocks and factors beside the same base, whose matrices are changed by the sum of both. */
export interface MixedAdapter {
  method: 'smt+lora';
  /** Of what trained, what was to be blocks (0 to 1). */
  share: number;
  /** Its budget is that of both; it has the hashes of the base for both. */
  blocks: SmtAdapter;
  factors: PeftAdapter;
}

/** A saved adapter: blocks of SMT, factors of LoRA and DoRA in PEFT's form, or blocks and factors. */
export type Adapter = SmtAdapter | PeftAdapter | MixedAdapter;

/** What an adapter is made of, each of which changes the base beside the others. */
export const partsOf = (adapter: Adapter): (SmtAdapter | PeftAdapter)[] =>
  'factors' in adapter ? [adapter.factors, adapter.blocks] : [adapter];

/** Names of the matrices that an adapter changes. */
export const matricesOf = (adapter: Adapter): string[] => [
  ...new Set(partsOf(adapter).flatMap(({ matrices }) => matrices.map(({ name }) => name))),
];

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
    if (config.method === MIXED) return await readMixed(config, tensors, place.folder.name);
    if (!('peft_type' in config)) return await readBlocks(config, tensors);
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
  Object.assign({}, ...partsOf(adapter).map((part) => ('block' in part ? part.base.sha256 : part.sha256)));

/** The files of an adapter folder, for `writeFolder` or a download. */
export function adapterFiles(adapter: Adapter): FileToWrite[] {
  const { config, tensors } = filesOf(adapter);
  // PEFT's config has no place for the base's hashes and refuses keys that it does not know
  const hashes: Record<string, string> = 'rank' in adapter && adapter.sha256 ? { [HASHES]: JSON.stringify(adapter.sha256) } : {};
  return [
    { name: WEIGHTS_FILE, chunks: writeSafetensors(tensors, { format: 'pt', ...hashes }) },
    { name: CONFIG_FILE, chunks: `${JSON.stringify(config, null, 2)}\n` },
  ];
}

/** Throws where the adapter's matrices are not those of a model with these shapes, naming the first that differs. */
export function checkAdapter(adapter: Adapter, shapes: Map<string, number[]>): void {
  const matrices = partsOf(adapter).flatMap((part) =>
    'block' in part ? part.matrices.map(({ name }) => ({ name, shape: part.base.shapes[name] })) : part.matrices,
  );
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
const MIXED = 'smt+lora';

function filesOf(adapter: Adapter) {
  if (!('factors' in adapter)) return 'block' in adapter ? blockFiles(adapter) : peftFiles(adapter);
  const { method, share, blocks, factors } = adapter;
  const [own, beside] = [blockFiles(blocks), peftFiles(factors)];
  return { config: { ...own.config, method, share, lora: beside.config }, tensors: [...own.tensors, ...beside.tensors] };
}

/** The config is that of the blocks, with PEFT's of the factors as one of its fields. */
async function readMixed(config: Record<string, any>, tensors: Map<string, StoredTensor>, folder: string): Promise<MixedAdapter> {
  const { method, share, lora } = fitting(MIXED_CONFIG, config, CONFIG_FILE);
  const those = (factors: boolean) => new Map([...tensors].filter(([name]) => isFactor(name) === factors));
  const blocks = await readBlocks({ ...config, method: 'smt' }, those(false));
  const factors = await readPeft(lora, those(true), folder);
  if (factors.method !== 'lora')
    throw new Error(`expected factors of lora beside blocks, got ${factors.method}; the file is damaged`);
  return { method, share, blocks, factors };
}

const MIXED_CONFIG = v.object({
  method: v.literal(MIXED),
  share: v.pipe(v.number(), v.gtValue(0, 'expected a share above 0'), v.ltValue(1, 'expected a share below 1')),
  lora: v.record(v.string(), v.any()),
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
