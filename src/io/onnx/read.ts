// The weights of an exported ONNX file, read back by their Hugging Face names: what is left to hold a file against the model where
// onnxruntime-web cannot open it, and what `inspect` lists. Of the graph it says nothing.
import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ONNX } from '../../formats.ts';
import type { Folder, Source } from '../bytes.ts';
import { checkRows, storedTensor, type TensorInfo } from '../tensors.ts';
import { onnxName } from './folder.ts';
import { type ElementType, TYPES } from './graph.ts';
import { TensorProtoSchema } from './schema_pb.js';
import { BLOCK, storedNames } from './weights.ts';
import { FIELD } from './write.ts';

/** The name of the graph's file in onnx/, where a folder has one. */
export async function onnxGraph(folder: Folder): Promise<string | undefined> {
  for (const name of ONNX.map((dtype) => `${onnxName(dtype)}.onnx`)) {
    const file = await folder.file(`onnx/${name}`);
    await file?.close();
    if (file) return name;
  }
}

/** Every value that onnx/`name` of a folder holds, in the order of the file. Throws where the bytes of one are not all there. */
export async function onnxTensors(folder: Folder, name: string) {
  const { source, close } = filesOf(folder);
  try {
    return [...(await readInitializers(name, source))].map(([tensor, { type, shape, bytes, ...at }]) => {
      if (at.offset + bytes > at.source.size)
        throw new Error(
          `expected ${bytes} bytes of ${tensor} in ${at.source.name} from ${at.offset} on, got a file of ${at.source.size}; export it again`,
        );
      const format = ELEMENTS.find((element) => TYPES[element].id === type) ?? `type ${type}`;
      return { name: tensor, format, shape, bytes };
    });
  } finally {
    await close();
  }
}

const ELEMENTS = Object.keys(TYPES) as ElementType[];

/** Rows of the weights of these names and shapes in onnx/`name` of a folder; `close` frees its files. */
export async function readOnnxWeights(folder: Folder, name: string, weights: { name: string; shape: number[] }[]) {
  const { source, close } = filesOf(folder);
  try {
    const stored = await readInitializers(name, source);
    return { tensors: new Map(weights.map((weight) => [weight.name, weightOf(weight, stored)])), close };
  } catch (e) {
    await close();
    throw e;
  }
}

/** The files of a folder's onnx/, each opened once. */
function filesOf(folder: Folder) {
  const open = new Map<string, Source>();
  const source = async (file: string) => {
    const found = open.get(file) ?? (await folder.file(`onnx/${file}`));
    if (!found) throw new Error(`expected onnx/${file} in ${folder.name}, got no such file; export it again`);
    open.set(file, found);
    return found;
  };
  const close = async () => {
    for (const file of open.values()) await file.close();
  };
  return { source, close };
}

/** Where values lie, and how many bytes they take: `type` by ONNX's number. */
interface Stored {
  type: number;
  shape: number[];
  bytes: number;
  source: Source;
  offset: number;
}

async function readInitializers(name: string, open: (file: string) => Promise<Source>): Promise<Map<string, Stored>> {
  const source = await open(name);
  const all = new Map<string, Stored>();
  for await (const graph of fields(source, 0, source.size)) {
    if (graph.number !== FIELD.graph) continue;
    for await (const { number, start, end } of fields(source, graph.start, graph.end))
      if (number === FIELD.initializer) {
        const [own, stored] = await readInitializer(source, start, end, open);
        all.set(own, stored);
      }
  }
  return all;
}

// The writer lays a value's bytes behind all else that is said of it.
async function readInitializer(source: Source, start: number, end: number, open: (file: string) => Promise<Source>) {
  let raw = { at: end, start: end, end };
  for await (const field of fields(source, start, end)) if (field.number === FIELD.raw_data) raw = field;
  const tensor = fromBinary(TensorProtoSchema, await source.read(start, raw.at - start));
  const { location, offset, length } = Object.fromEntries(tensor.externalData.map(({ key, value }) => [key, value]));
  const place = location
    ? { source: await open(location), offset: Number(offset), bytes: Number(length) }
    : { source, offset: raw.start, bytes: raw.end - raw.start };
  return [tensor.name, { type: tensor.dataType, shape: tensor.dims.map(Number), ...place }] as const;
}

/** The fields of a message that have a length, without what is in them; `at` is where a field's number stands. */
async function* fields(source: Source, from: number, end: number) {
  for (let at = from; at < end; ) {
    const head = new BinaryReader(await source.read(at, Math.min(HEAD, end - at)));
    const [number, type] = head.tag();
    if (type === WireType.LengthDelimited) {
      const length = head.uint32();
      const start = at + head.pos;
      yield { number, at, start, end: start + length };
      at = start + length;
    } else {
      head.skip(type);
      at += head.pos;
    }
  }
}

/** Bytes of a field's number and its length, or of a whole number, at most. */
const HEAD = 20;

function weightOf({ name, shape }: { name: string; shape: number[] }, stored: Map<string, Stored>): TensorInfo {
  const plain = stored.get(name);
  if (plain) return storedTensor(name, plain.type === TYPES.f16.id ? 'f16' : 'f32', shape, plain.source, plain.offset);
  const [nibbles, scales] = storedNames(name).map((own) => stored.get(own));
  if (!nibbles || !scales) throw new Error(`expected ${name} in the exported file, got none; export it again`);
  const K = shape[1];
  const blocks = Math.ceil(K / BLOCK);
  return {
    name,
    shape,
    format: 'f32',
    async rows(r0, r1) {
      checkRows(name, shape, r0, r1);
      const count = (r1 - r0) * blocks;
      const levels = await nibbles.source.read(nibbles.offset + r0 * blocks * (BLOCK / 2), count * (BLOCK / 2));
      const bytes = await scales.source.read(scales.offset + r0 * blocks * 4, count * 4);
      return new Uint8Array(fromFourBits(levels, new Float32Array(bytes.slice().buffer), r1 - r0, K).buffer);
    },
  };
}

function fromFourBits(levels: Uint8Array, scales: Float32Array, rows: number, K: number): Float32Array<ArrayBuffer> {
  const values = new Float32Array(rows * K);
  const width = Math.ceil(K / BLOCK) * BLOCK;
  for (let r = 0; r < rows; r++)
    for (let k = 0; k < K; k++) {
      const i = r * width + k;
      values[r * K + k] = scales[Math.floor(i / BLOCK)] * (((levels[i >> 1] >> (4 * (i & 1))) & 15) - 8);
    }
  return values;
}
