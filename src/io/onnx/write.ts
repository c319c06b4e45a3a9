// A graph as an ONNX file, written as a stream: @bufbuild/protobuf writes what describes the model, and the weights are laid between
// as they come, for their lengths are known before. What one protobuf cannot hold lies beside it in files of external data.
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { version } from '../../version.ts';
import type { FileToWrite } from '../write.ts';
import { type Graph, type Initializer, TYPES } from './graph.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './schema_pb.js';

/** Bytes of weights that one file holds: a protobuf ends at 2 GiB, and so do a browser's buffers. */
export const MOST_BYTES = 2e9;

/** The model as `name`.onnx, with `name`.onnx_data, `name`.onnx_data_1, ... beside it where its weights are more than `most` bytes. */
export function onnxFiles(g: Graph, name: string, most = MOST_BYTES): FileToWrite[] {
  const bytes = g.initializers.reduce((sum, made) => sum + bytesOf(made), 0);
  const places = bytes > most ? placesOf(g.initializers, `${name}.onnx_data`, most) : new Map<Initializer, Place>();
  const data = new Set([...places.values()].map(({ file }) => file));
  const lying = (file: string) => g.initializers.filter((made) => places.get(made)?.file === file);
  return [
    { name: `${name}.onnx`, chunks: modelChunks(g, places) },
    ...[...data].map((file) => ({ name: file, chunks: dataChunks(lying(file), places) })),
  ];
}

/** Where a value lies outside of the model's file. */
interface Place {
  file: string;
  offset: number;
}

const OPSET = 21n;
const IR_VERSION = 10n;
/** Where values begin in external data: pages, so that they can be mapped. */
const PAGE = 4096;
/** Numbers of the fields that weights lie in. */
export const FIELD = { graph: 7, initializer: 5, raw_data: 9 };

function placesOf(initializers: Initializer[], first: string, most: number): Map<Initializer, Place> {
  const places = new Map<Initializer, Place>();
  let [number, end] = [0, 0];
  for (const made of initializers) {
    if (made.constant) continue;
    const bytes = bytesOf(made);
    if (end > 0 && end + bytes > most) [number, end] = [number + 1, 0];
    places.set(made, { file: number ? `${first}_${number}` : first, offset: end });
    end = Math.ceil((end + bytes) / PAGE) * PAGE;
  }
  return places;
}

async function* modelChunks(g: Graph, places: Map<Initializer, Place>): AsyncGenerator<Uint8Array> {
  const { nodes: node, inputs: input, outputs: output } = g;
  const graph = toBinary(GraphProtoSchema, create(GraphProtoSchema, { name: 'decoder', node, input, output }));
  const heads = g.initializers.map((made) => ({ made, ...tensorHead(made, places.get(made)) }));
  const length = heads.reduce((sum, { head, inside }) => sum + head.length + inside, graph.length);
  yield toBinary(ModelProtoSchema, describe(g));
  yield new BinaryWriter().tag(FIELD.graph, WireType.LengthDelimited).uint32(length).finish();
  yield graph;
  for (const { made, head, inside } of heads) {
    yield head;
    if (inside) yield* exactly(made);
  }
}

function describe({ nodes }: Graph) {
  const domains = [...new Set(nodes.map(({ domain }) => domain))];
  const opset = (domain: string) =>
    create(OperatorSetIdProtoSchema, domain ? { domain, version: 1n } : { domain, version: OPSET });
  return create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    opsetImport: domains.map(opset),
    producerName: 'blocktune',
    producerVersion: version,
  });
}

// What stands before a value's bytes, and how many of them follow: none where they lie elsewhere.
function tensorHead(made: Initializer, place: Place | undefined): { head: Uint8Array; inside: number } {
  const tensor = tensorOf(made, place);
  const fields = toBinary(TensorProtoSchema, tensor);
  const inside = place ? 0 : bytesOf(made);
  const raw = place
    ? new Uint8Array(0)
    : new BinaryWriter().tag(FIELD.raw_data, WireType.LengthDelimited).uint32(inside).finish();
  const opening = new BinaryWriter().tag(FIELD.initializer, WireType.LengthDelimited);
  const before = opening.uint32(fields.length + raw.length + inside).finish();
  return { head: joined([before, fields, raw]), inside };
}

function tensorOf(made: Initializer, place: Place | undefined): TensorProto {
  const tensor = create(TensorProtoSchema, { name: made.name, dataType: TYPES[made.type].id, dims: made.dims.map(BigInt) });
  if (!place) return tensor;
  const entries = { location: place.file, offset: String(place.offset), length: String(bytesOf(made)) };
  tensor.dataLocation = 1;
  tensor.externalData = Object.entries(entries).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
  return tensor;
}

async function* dataChunks(initializers: Initializer[], places: Map<Initializer, Place>): AsyncGenerator<Uint8Array> {
  let end = 0;
  for (const made of initializers) {
    const { offset } = places.get(made)!;
    if (offset > end) yield new Uint8Array(offset - end);
    yield* exactly(made);
    end = offset + bytesOf(made);
  }
}

// A length stands before the bytes already: others than were promised would make a file that nobody can read.
async function* exactly(made: Initializer): AsyncGenerator<Uint8Array> {
  let left = bytesOf(made);
  for await (const chunk of made.bytes()) {
    left -= chunk.length;
    yield chunk;
  }
  if (left !== 0) throw new Error(`expected ${bytesOf(made)} bytes of ${made.name}, got ${bytesOf(made) - left}`);
}

const bytesOf = ({ type, dims }: Initializer) => dims.reduce((n, size) => n * size, TYPES[type].bytes);

function joined(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
