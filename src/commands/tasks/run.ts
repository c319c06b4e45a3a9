// Of which run an answer is, in words that a file keeps beside it: the model, its adapter, how it was asked, and the task's file.

import { openPlace } from '../../io/bytes.ts';
import { sha256, streamHash } from '../../io/hash.ts';
import type { OpenModel } from '../../parts.ts';
import { type Asked, decodingOf, type Protocol } from './ask.ts';

/** The names of runs: one for each task and model. */
export type RunOf = (asked: Asked, adapted: boolean) => string;

/** Names runs by a model's final norm, which moves whenever everything trains, and by the bytes of an adapter. */
export async function runsOf({ files }: OpenModel, adapter: string | undefined, protocol: Protocol): Promise<RunOf> {
  const norm = files.tensors.get('model.norm.weight')!;
  const name = files.name.split(/[\\/]/).findLast(Boolean) ?? files.name;
  const model = `${name} ${(await sha256(await norm.rows(0, 1))).slice(0, 8)}`;
  const tuned = adapter === undefined ? 'base' : `adapter ${(await adapterHash(adapter)).slice(0, 8)}`;
  return (asked, adapted) =>
    [
      model,
      adapted ? tuned : 'base',
      protocol.form,
      decodingOf(protocol, asked.room),
      `${protocol.positions} positions`,
      `file ${asked.sha256.slice(0, 8)}`,
    ].join(', ');
}

const PART = 1 << 22;

async function adapterHash(place: string): Promise<string> {
  const opened = await openPlace(place);
  const file = 'folder' in opened ? await opened.folder.file('adapter_model.safetensors') : opened.source;
  if (!file) return 'none'; // who loads it says what is missing
  try {
    return await streamHash(
      (async function* () {
        for (let at = 0; at < file.size; at += PART) yield await file.read(at, Math.min(PART, file.size - at));
      })(),
    );
  } finally {
    await file.close();
  }
}
