// What the page of a command in Chrome asks of its host, the disk first of all.

import { fromWire, type Stat, toWire } from './wire.ts';

/** Asks the host; answers what it says, bytes as bytes. Throws what it threw. */
export async function ask(call: string, args: unknown[] = [], body?: BodyInit): Promise<any> {
  const response = await fetch(`${call}?${encodeURIComponent(toWire(args))}`, { method: 'POST', body });
  if (response.headers.get('content-type') === 'application/octet-stream') return new Uint8Array(await response.arrayBuffer());
  const answer = fromWire(await response.text());
  if (!response.ok) throw Object.assign(new Error(answer.message), { code: answer.code });
  return answer;
}

const told = async (asked: Promise<Stat>) => {
  const { file, folder, size } = await asked;
  return { isFile: () => file, isDirectory: () => folder, size };
};

/** Of node:fs/promises what the sources use, on the host's disk. */
export const hostFs = {
  stat: (path: string) => told(ask('stat', [path])),
  readdir: (path: string) => ask('readdir', [path]),
  mkdir: (path: string, how?: object) => ask('mkdir', [path, how]),
  rename: (from: string, to: string) => ask('rename', [from, to]),
  rm: (path: string, how?: object) => ask('rm', [path, how]),
  rmdir: (path: string) => ask('rmdir', [path]),
  async open(path: string, flags: string) {
    const id: number = await ask('open', [path, flags]);
    return {
      stat: () => told(ask('statOpen', [id])),
      async read(bytes: Uint8Array, at: number, length: number, position: number) {
        const got: Uint8Array = await ask('read', [id, length, position]);
        bytes.set(got, at);
        return { bytesRead: got.length };
      },
      writeFile: (chunk: string | Uint8Array<ArrayBuffer>) => ask('write', [id], chunk),
      async write(chunk: Uint8Array<ArrayBuffer>) {
        await ask('write', [id], chunk);
        return { bytesWritten: chunk.length };
      },
      sync: () => ask('sync', [id]),
      close: () => ask('close', [id]),
    };
  },
};
