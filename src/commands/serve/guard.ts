// Who may ask: the Host header must be one of the server's own addresses (a page elsewhere whose name points here is refused), a page
// must be of the server's own origin, and where there is a key it must be given. Nothing is read of a request that may not ask.

import { type Refusal, refusal } from './refusal.ts';

export interface Head {
  method: string;
  /** Path and query as they came. */
  path: string;
  /** By names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
}

/** hosts: host and port as a Host header has them. same: whether two keys are equal, in a time that does not tell how far. */
export interface Guard {
  hosts: readonly string[];
  key?: string;
  same(a: string, b: string): boolean;
}

/** Paths that anybody on the machine may ask without the key: whether there is a server. */
const OPEN = ['/health'];

/** What is wrong with who asks, or null. */
export function refused({ hosts, key, same }: Guard, { path, headers }: Head): Refusal | null {
  const { host, origin, authorization } = headers;
  if (!host || !hosts.includes(host.toLowerCase()))
    return refusal(
      403,
      `expected a Host header of ${hosts.join(' or ')}, got ${host ? `"${host}"` : 'none'}; ask by one of these addresses`,
    );
  if (origin !== undefined && !hosts.some((own) => origin.toLowerCase() === `http://${own}`))
    return refusal(
      403,
      `expected no Origin, or the server's own, got "${origin}"; pages of other origins may not ask this server`,
    );
  if (key === undefined || OPEN.includes(path)) return null;
  const given = authorization?.match(/^Bearer +(.*)$/i)?.[1];
  if (given !== undefined && same(given, key)) return null;
  const got = given === undefined ? 'none' : 'another';
  return refusal(401, `expected the server's key as "Authorization: Bearer KEY", got ${got}; give the one that --key was given`, {
    code: 'invalid_api_key',
  });
}
