// Bytes on the device and what they are for, described. Who owns them is in scope.ts, what is in them in tensor.ts.

/** What bytes are for; the categories of `blocktune plan`. */
export const ROLES = [
  'weights',
  'trained',
  'gradients',
  'moments',
  'activations',
  'temporaries',
  'logits',
  'kv',
  'staging',
  'other',
] as const;
export type Role = (typeof ROLES)[number];

/** Bytes on the device that outlive a step. `buffer` is there once `allocate` has run; a plan needs only the size. */
export interface Home {
  name: string;
  bytes: number;
  role: Role;
  usage: number;
  buffer?: GPUBuffer;
}

export type Bytes = Record<Role | 'total', number>;

/** Bytes by category and their sum. */
export function bytesByRole(homes: Iterable<Home>): Bytes {
  const bytes = { ...noBytes };
  for (const h of homes) {
    bytes[h.role] += h.bytes;
    bytes.total += h.bytes;
  }
  return bytes;
}

const noBytes = Object.fromEntries([...ROLES, 'total'].map((r) => [r, 0])) as Bytes;
