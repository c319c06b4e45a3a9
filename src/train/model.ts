// A model from its files onto the device, and what a method may ask of its values. How its tensors get there is upload.ts.

import type { Tokenizer } from '../data/tokenizer.ts';
import type { WritableFormat } from '../formats.ts';
import type { Gpu } from '../gpu/device.ts';
import { type Planning, planningOf } from '../gpu/limits.ts';
import type { Memory } from '../gpu/scope.ts';
import { free, newScope, type Scope } from '../gpu/scope.ts';
import { read } from '../gpu/tensor.ts';
import { decode } from '../io/dequant.ts';
import { sha256 } from '../io/hash.ts';
import type { ModelFiles } from '../io/model.ts';
import type { TensorInfo } from '../io/tensors.ts';
import type { Base } from '../methods/method.ts';
import type { ModelConfig } from '../models/config.ts';
import { type Module, matrixShape } from '../models/config.ts';
import { type Decoder, newDecoder, parametersOf } from '../models/decoder.ts';
import { isStored, STORED, type StoredFormat } from '../ops/stored/formats.ts';
import type { Weight } from '../ops/stored/weight.ts';
import { setting } from '../setting.ts';
import type { OpenModel } from './open.ts';
import { recoded, upload } from './upload.ts';

/** A model on the device, and where it came from. */
export interface Model {
  gpu: Gpu;
  files: ModelFiles;
  tokenizer: Tokenizer;
  decoder: Decoder;
  /** Owns the parameters and the RoPE table; what is put on the model has a scope of its own within. */
  scope: Scope;
  /** What every program of this model is planned with. */
  planning: Planning;
  /** The weights on the device are no longer the files': they have been trained. */
  moved: boolean;
}

/** How a model is put on the device. */
export interface ModelOptions {
  /** The longest row, or prompt with its answer, that it will see, in tokens: how far its positions reach. 1024 where absent, or what the model is run for. */
  longest?: number;
  /** How frozen weights are stored on the device: as in the file, or converted at load. */
  base?: StoredAs;
  /** What programs are planned with, where it is more than the device's limits. */
  planning?: Planning;
  /** Hears of bytes read and of all bytes. */
  progress?: (done: number, all: number) => void;
}

/** Puts an open model on the device, tensor by tensor. `freeModel` frees it; its files stay open. */
export async function loadModel(gpu: Gpu, { files, tokenizer }: OpenModel, o: ModelOptions = {}): Promise<Model> {
  const decoder = describe(
    files,
    o.longest ?? Math.min(1024, mostPositions(files.config).most),
    o.base ?? 'keep',
    gpu.limits.maxBinding,
  );
  const scope = newScope(gpu.scope);
  try {
    await upload(scope, files, decoder, o.progress);
  } catch (e) {
    free(scope);
    throw e;
  }
  return { gpu, files, tokenizer, decoder, scope, planning: o.planning ?? planningOf(gpu.limits), moved: false };
}

/** Frees the model and whatever has been put on it. */
export function freeModel(model: Model): void {
  free(model.scope);
}

/** How frozen weights are stored on the device: as in the file, or converted at load. */
export type StoredAs = 'keep' | WritableFormat;

/** Bytes of values made of a file at a time. */
const CHUNK = 8 << 20;

/** The format on the device of a matrix stored as `stored`, with rows of `cols`. */
export function deviceFormat(stored: TensorInfo['format'], cols: number, base: StoredAs): StoredFormat {
  if (base === 'keep' && !isStored(stored))
    throw new Error(
      `expected one of the formats ${Object.keys(STORED).join(' ')}, got ${stored}: use ${setting('base')} f32 or f16`,
    );
  const wanted = base === 'keep' ? (stored as StoredFormat) : base;
  return cols % STORED[wanted].block ? 'f16' : wanted; // a row is no whole number of blocks
}

/** The decoder of a model file, described: nothing is allocated or read. positions: the longest row it will see. */
export function describe(files: ModelFiles, positions: number, base: StoredAs, maxBinding: number): Decoder {
  const format = (name: string) => {
    const info = files.tensors.get(name);
    if (!info) throw new Error(`expected a tensor ${name} in ${files.name}, got none`);
    return naming(name, () => deviceFormat(info.format, info.shape.at(-1)!, base));
  };
  return newDecoder(within(files.config, positions), positions, format, maxBinding);
}

/** The config; throws where a row would be longer than what it is run for. */
function within<C extends ModelConfig>(config: C, positions: number): C {
  const { most, why } = mostPositions(config);
  if (positions > most)
    throw new Error(
      `expected rows, or a prompt with its answer, of at most ${most} tokens, as ${why}, got ${positions}; ` +
        `lower ${setting('maxLength')}, or for answers ${setting('maxNewTokens')}`,
    );
  return config;
}

/** The longest row that a model is run for: outside of its window a layer sees nothing, beyond dynamic's context each length has a RoPE. */
function mostPositions({ window, rope: { scaling } }: ModelConfig): { most: number; why: string } {
  const stretched = scaling?.type === 'dynamic' ? scaling.max_position_embeddings : Number.POSITIVE_INFINITY;
  if (window !== null && window <= stretched) return { most: window, why: "this model's sliding_window is" };
  return { most: stretched, why: "this model's max_position_embeddings is, beyond which dynamic RoPE depends on a row's length" };
}

/** A fresh decoder, described: its matrices stored as `base`, with positions for rows of so many tokens. */
export type DecoderFor = (positions: number, base: StoredAs, maxBinding: number) => Decoder;

/** Decoders of a model's files; of a config alone every matrix is stored as the config says. */
export function decoderFor(of: ModelFiles | ModelConfig): DecoderFor {
  if ('tensors' in of) return (positions, base, maxBinding) => describe(of, positions, base, maxBinding);
  const cols = (name: string) => {
    const module = name.match(/(\w+_proj)\.weight$/)?.[1];
    return module ? matrixShape(of, module as Module)[1] : of.hidden_size;
  };
  return (positions, base, maxBinding) =>
    newDecoder(within(of, positions), positions, (name) => deviceFormat(of.dtype, cols(name), base), maxBinding);
}

/** What could not be stored as asked, for people; null where all is. */
export function fallback(d: Decoder, base: StoredAs): string | null {
  if (base === 'keep') return null;
  const matrices = parametersOf(d).filter((w): w is Weight => 'windows' in w);
  const other = matrices.filter((w) => w.format !== base);
  if (!other.length) return null;
  const columns = [...new Set(other.map((w) => w.cols))].join(' or ');
  const blocks = `whole blocks of ${STORED[base].block}, as ${base} has them`;
  return `${other.length} of ${matrices.length} matrices are stored as f16: their rows of ${columns} values are no ${blocks}`;
}

function naming<T>(name: string, f: () => T): T {
  try {
    return f();
  } catch (e) {
    throw new Error(`${name}: ${(e as Error).message}`);
  }
}

/** Values of a matrix as the device holds them, rows r0 <= r < r1, a chunk at a time. */
async function* values(info: TensorInfo, w: Weight, r0 = 0, r1 = w.rows): AsyncGenerator<Float32Array<ArrayBuffer>> {
  for await (const { from, to, bytes } of chunks(info, w.cols, r0, r1)) {
    const count = (to - from) * w.cols;
    yield decode(w.format, recoded(w, info.format, bytes, count), count);
  }
}

async function* chunks(info: TensorInfo, cols: number, r0: number, r1: number) {
  const rows = Math.max(8, 8 * Math.floor(CHUNK / (32 * cols)));
  for (let from = r0; from < r1; from += rows) {
    const to = Math.min(r1, from + rows);
    yield { from, to, bytes: await info.rows(from, to) };
  }
}

/** SHA-256 of the f32 values of a matrix, hexadecimal. */
async function hashOf(info: TensorInfo, w: Weight): Promise<string> {
  const all = new Float32Array(w.rows * w.cols);
  let at = 0;
  for await (const part of values(info, w)) {
    all.set(part, at);
    at += part.length;
  }
  return sha256(all);
}

/** The model as its method sees it. */
export function baseOf({ gpu, planning, decoder, files, moved }: Model): Base {
  const info = (w: Weight) => files.tensors.get(w.name)!;
  return {
    gpu,
    planning,
    decoder,
    values: (w, r0 = 0, r1 = w.rows) => (moved ? valuesOnDevice(gpu.memory, w, r0, r1) : values(info(w), w, r0, r1)),
    sha256: (w) => hashOf(info(w), w),
  };
}

/** The same of f32 masters that have moved on and are no longer the files'. */
async function* valuesOnDevice(memory: Memory, w: Weight, r0: number, r1: number): AsyncGenerator<Float32Array<ArrayBuffer>> {
  for (const v of w.windows) {
    const [from, to] = [Math.max(r0, v.r0), Math.min(r1, v.r1)];
    if (from < to) yield (await read(memory, v.q)).subarray((from - v.r0) * w.cols, (to - v.r0) * w.cols);
  }
}
