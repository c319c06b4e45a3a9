// A saved adapter on a model: held against it, and put on to be applied. Going on from one is the method's business.

import { allocate, free, newScope } from '../gpu/scope.ts';
import { type Adapter, checkAdapter, hashesOf, matricesOf } from '../io/adapter.ts';
import { methodOf } from '../methods/index.ts';
import { matrixNamed } from '../models/decoder.ts';
import type { Report } from '../report.ts';
import { baseOf, type Model } from './model.ts';
import type { OnModel } from './session.ts';

/** Puts an adapter on the model, to be applied. Another base of the same shapes is a warning, another shape an error. */
export async function putAdapter(model: Model, adapter: Adapter, report: Report): Promise<OnModel> {
  await checkBase(model, adapter, report);
  const { adapters } = methodOf(adapter);
  const method = adapters!.from(adapter);
  const attached = method.attach(model.decoder, null);
  const scope = newScope(model.scope);
  for (const t of attached.tensors) allocate(scope, t.home!);
  const passing = newScope(scope);
  for (const t of attached.scratch) allocate(passing, t.home!);
  await attached.fill(baseOf(model));
  free(passing);
  return { method, attached, scope };
}

/** Throws where the adapter's matrices are not the model's; warns of those whose values are others than it was trained on. */
export async function checkBase(model: Model, adapter: Adapter, report: Report): Promise<void> {
  checkAdapter(adapter, new Map([...model.files.tensors].map(([name, t]) => [name, t.shape])));
  const { sha256 } = baseOf(model);
  await warnOfOtherBase(adapter, (name) => sha256(matrixNamed(model.decoder, name)), report);
}

/** Names the matrices whose f32 values have another hash than the adapter noted; PEFT itself notes none. */
export async function warnOfOtherBase(adapter: Adapter, hash: (name: string) => Promise<string>, report: Report): Promise<void> {
  const known = hashesOf(adapter);
  const other: string[] = [];
  for (const name of matricesOf(adapter)) if (known[name] && (await hash(name)) !== known[name]) other.push(name);
  if (other.length)
    report({
      kind: 'warning',
      text: `the adapter was trained on other values of ${listed(other)}: the same model in another format, or another model of the same shape`,
    });
}

/** A few names, and how many more there are. */
const listed = (names: string[], most = 6) =>
  names.length <= most ? names.join(', ') : `${names.slice(0, most).join(', ')} and ${names.length - most} more matrices`;
