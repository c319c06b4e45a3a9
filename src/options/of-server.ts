// The options of `serve` alone, and what is wrong with them together. The table of all is table.ts.

import { int, or, text, texts, type Where } from './kinds.ts';

const SERVER: Where = ['server', ['serve']];

export const SERVER_OPTIONS = {
  adapters: {
    ...texts(['model', ['serve']], 'NAME=A', 'serve this adapter folder too, by this name; several may be given'),
    flag: '--adapter',
  },
  port: or(int(SERVER, 'the port; 0 takes a free one', 0), 8080),
  host: or(text(SERVER, 'H', 'the address to listen at; other than loopback needs --key'), '127.0.0.1'),
  key: text(SERVER, 'K', 'answer only those who give this key (Authorization: Bearer K)'),
  positions: int(
    SERVER,
    "a prompt and its answer together at most (tokens; default: 2048, or the model's own where they are fewer)",
    2,
  ),
} as const;

/** What contradicts: loopback is for this machine alone, all else must know the key; every adapter has a name of its own. */
export function faultOfServer(o: { host?: string; key?: string; adapters?: string[]; port?: number }): string | undefined {
  const { host = '', key, adapters = [], port = 0 } = o;
  if (host !== '' && !isLoopback(host) && key === undefined)
    return `expected --key beside --host ${host}, by which other machines reach the server, got none; give one, or leave --host out`;
  if (port > 65535) return `expected --port to be at most 65535, got ${port}; correct it`;
  const names = adapters.map((word) => /^([\w.:-]+)=(?=.)/.exec(word)?.[1]);
  const odd = adapters[names.indexOf(undefined)];
  if (odd !== undefined) return `expected --adapter NAME=FOLDER, got "${odd}"; give it a name of letters, digits and _ . : -`;
  const taken = names.find((name, i) => name === 'base' || names.indexOf(name) < i);
  if (taken === undefined) return undefined;
  const why = taken === 'base' ? "the model's without any" : 'given twice';
  return `expected a name of its own for each adapter, got "${taken}", which is ${why}; give another`;
}

/** Whether a host is this machine's own loopback. */
const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
