// A saved adapter in a run: read, held against the model, put on it to be applied, or taken up as where training goes on.

import { allocate, free, newScope } from '../gpu/scope.ts';
import { type Adapter, checkAdapter, loadAdapter, type SmtAdapter } from '../io/adapter.ts';
import type { Folder } from '../io/bytes.ts';
import { appliedFactors, fillFactors, homesOfFactors } from '../methods/lora.ts';
import { fillBlocks, type SparseMatrix } from '../methods/smt/blocks.ts';
import type { Selection } from '../methods/smt/select.ts';
import { MODULES, type Module, matrixNamed } from '../models/decoder.ts';
import { type Settled, TARGETS, withDefaults } from '../options/table.ts';
import type { Report } from '../report.ts';
import { attach } from './attach.ts';
import { rankedMatrices, savedIn } from './lowrank.ts';
import { hashOf, type Model } from './model.ts';

/** Puts a saved adapter on the model, to be applied. Another base of the same shapes is a warning, another shape an error. */
export async function openAdapter(model: Model, where: string | Folder, report: Report): Promise<void> {
  const adapter = await loadAdapter(where);
  await checkBase(model, adapter, report);
  const scope = newScope(model.scope);
  if (adapter.method === 'smt') {
    const matrices = attach(model, selectionOf(adapter), false);
    for (const m of matrices) {
      for (const t of [m.set.delta, m.set.lists]) allocate(scope, t.home!);
      fillBlocks(model.gpu.memory, m, deltasOf(adapter, m));
    }
    return;
  }
  const matrices = rankedMatrices(model.decoder, { ...adapter, targets: [], seed: 0, adapter }, false);
  for (const home of appliedFactors(matrices)) allocate(scope, home);
  const passing = newScope(scope); // what only training asks for again
  for (const home of homesOfFactors(matrices)) allocate(passing, home);
  await fillFactors(model, matrices, savedIn(adapter));
  free(passing);
}

/** Throws where the adapter's matrices are not the model's; warns of those whose values are others than it was trained on. */
export async function checkBase(model: Model, adapter: Adapter, report: Report): Promise<void> {
  const { tensors } = model.files;
  checkAdapter(adapter, new Map([...tensors].map(([name, t]) => [name, t.shape])));
  await warnOfOtherBase(adapter, (name) => hashOf(tensors.get(name)!, matrixNamed(model.decoder, name)), report);
}

/** Names the matrices whose f32 values have another hash than the adapter noted; PEFT itself notes none. */
export async function warnOfOtherBase(adapter: Adapter, hash: (name: string) => Promise<string>, report: Report): Promise<void> {
  const known = adapter.method === 'smt' ? adapter.base.sha256 : (adapter.sha256 ?? {});
  const other: string[] = [];
  for (const { name } of adapter.matrices) if (known[name] && (await hash(name)) !== known[name]) other.push(name);
  if (other.length)
    report({
      kind: 'warning',
      text: `the adapter was trained on other values of ${listed(other)}: the same model in another format, or another model of the same shape`,
    });
}

/** A few names, and how many more there are. */
const listed = (names: string[], most = 6) =>
  names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more matrices`;

/** The options of a run that goes on from an adapter: what it says of itself, and the defaults of its method. */
export function adopt(o: Settled, adapter: Adapter): Settled {
  const { method } = adapter;
  if (o.given.method && o.given.method !== method)
    throw new Error(`expected --method ${method}, as the adapter was trained, got --method ${o.given.method}; leave it out`);
  const modules = new Set(adapter.matrices.map(({ name }) => name.split('.').at(-2)!));
  const named = adapter.method === 'smt' ? adapter.targets.map((t) => `${t.replace(/_proj$/, '')}_proj`) : [...modules];
  const targets = TARGETS.filter((t) => named.includes(`${t}_proj`));
  const words =
    adapter.method === 'smt'
      ? { block: adapter.block, score: adapter.score as Settled['score'], budget: adapter.budget }
      : { rank: adapter.rank, alpha: adapter.alpha, dropout: o.given.dropout ?? adapter.dropout };
  return { ...withDefaults({ ...o.given, method, targets, ...words }), given: o.given };
}

/** The blocks of an adapter, as a selection. */
export function selectionOf(adapter: SmtAdapter): Selection {
  const blocks = adapter.matrices.flatMap(({ name, index }) =>
    Array.from({ length: index.length / 2 }, (_, i) => ({
      ...placeOf(name),
      row: index[2 * i],
      col: index[2 * i + 1],
      score: 0,
    })),
  );
  return { block: adapter.block, blocks };
}

/** An adapter's differences of one matrix, in the order in which the device keeps its blocks. */
export function deltasOf({ block: b, matrices }: SmtAdapter, { weight, set }: SparseMatrix): Float32Array<ArrayBuffer> {
  const { index, blocks } = matrices.find((m) => m.name === weight.name)!;
  const places = new Map<string, number>();
  for (let i = 0; i < index.length / 2; i++) places.set(`${index[2 * i]},${index[2 * i + 1]}`, i);
  const out = new Float32Array(blocks.length);
  for (let i = 0; i < set.index.length / 2; i++) {
    const at = places.get(`${set.index[2 * i]},${set.index[2 * i + 1]}`)!;
    out.set(blocks.subarray(at * b * b, (at + 1) * b * b), i * b * b);
  }
  return out;
}

function placeOf(name: string): { layer: number; module: Module } {
  const [, layer, module] = name.match(/^model\.layers\.(\d+)\.(?:self_attn|mlp)\.(\w+)\.weight$/) ?? [];
  if (!MODULES.includes(module as Module))
    throw new Error(`expected blocks of a layer's matrices, got ${name}: the adapter is another model's.`);
  return { layer: Number(layer), module: module as Module };
}
