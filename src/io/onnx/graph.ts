// A graph of ONNX as it is built: nodes in order, named values between them, initializers whose bytes come when they are written.
// It knows operators and types; what a decoder is stands in decoder.ts, how the file is laid out in write.ts.
import { create } from '@bufbuild/protobuf';
import { encode } from '../quant.ts';
import {
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './schema_pb.js';

/** Element types by ONNX's numbers, and their bytes. */
export const TYPES = {
  f32: { id: 1, bytes: 4 },
  u8: { id: 2, bytes: 1 },
  i64: { id: 7, bytes: 8 },
  bool: { id: 9, bytes: 1 },
  f16: { id: 10, bytes: 2 },
} as const;
export type ElementType = keyof typeof TYPES;

/** Values that the file holds. `bytes` is asked for once, when their turn comes: weights in the order of the graph's list. */
export interface Initializer {
  name: string;
  type: ElementType;
  dims: number[];
  /** No weight but a number that the graph is understood by: always in the model's own file. */
  constant?: true;
  bytes(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** The name of a value in the graph. */
export type Value = string;

export interface Graph {
  nodes: NodeProto[];
  initializers: Initializer[];
  inputs: ValueInfoProto[];
  outputs: ValueInfoProto[];
  /** What the next nodes belong to: the beginning of their names. */
  scope: string;
}

export const newGraph = (): Graph => ({ nodes: [], initializers: [], inputs: [], outputs: [], scope: '' });

/** A node of one output, which is answered; with `domain`, an operator that is not ONNX's own. */
export function op(
  g: Graph,
  type: string,
  inputs: Value[],
  attributes: Record<string, number | number[]> = {},
  { output, domain = '' }: { output?: Value; domain?: string } = {},
): Value {
  const node = newNode(g, type, inputs, attributes, domain);
  node.output = [output ?? `${node.name}_out`];
  return node.output[0];
}

/** A value cut into equal parts along its last axis. */
export function split(g: Graph, x: Value, parts: number): Value[] {
  const node = newNode(g, 'Split', [x], { axis: -1, num_outputs: parts });
  node.output = Array.from({ length: parts }, (_, i) => `${node.name}_out${i}`);
  return node.output;
}

/** A value of the file, added to it unless one of that name is there. */
export function initializer(g: Graph, made: Initializer): Value {
  if (!g.initializers.some(({ name }) => name === made.name)) g.initializers.push(made);
  return made.name;
}

/** Integers as a vector, or one as a scalar. */
export function integers(g: Graph, values: number | number[]): Value {
  const list = [values].flat();
  const bytes = () => [new Uint8Array(BigInt64Array.from(list, BigInt).buffer)];
  return initializer(g, {
    name: `int/${JSON.stringify(values)}`,
    type: 'i64',
    dims: Array.isArray(values) ? [list.length] : [],
    constant: true,
    bytes,
  });
}

/** One number as a scalar. */
export function number(g: Graph, type: 'f32' | 'f16', value: number): Value {
  const bytes = () => [encode(type, Float32Array.of(value))];
  return initializer(g, { name: `${type}/${value}`, type, dims: [], constant: true, bytes });
}

/** The type and shape of an input or output; a name instead of a size is one that differs from call to call. */
export function valueInfo(name: string, type: ElementType, dims: (number | string)[]): ValueInfoProto {
  const dim = dims.map((d) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof d === 'number' ? { case: 'dimValue', value: BigInt(d) } : { case: 'dimParam', value: d },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, { elemType: TYPES[type].id, shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, { name, type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }) });
}

function newNode(g: Graph, type: string, input: Value[], attributes: Record<string, number | number[]>, domain = ''): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) =>
    Array.isArray(value)
      ? create(AttributeProtoSchema, { name, type: INTS, ints: value.map(BigInt) })
      : create(AttributeProtoSchema, { name, type: INT, i: BigInt(value) }),
  );
  const node = create(NodeProtoSchema, { name: `${g.scope}/${type}_${g.nodes.length}`, opType: type, input, attribute });
  if (domain) node.domain = domain;
  g.nodes.push(node);
  return node;
}

const INT = 2;
const INTS = 7;
