// What a server asks of its host: to listen.

import type { Api } from './api.ts';
import type { Guard } from './guard.ts';

/** Where a server listens, the largest body it reads, in bytes, and how long it waits for one. */
export interface ListensAt {
  host: string;
  port: number;
  body: number;
  bodySeconds: number;
}

/** Listens, and says by which addresses it is asked and how keys are compared. Throws where it cannot. */
export type Listen = (
  api: (own: Pick<Guard, 'hosts' | 'same'>) => Api,
  at: ListensAt,
) => Promise<{ url: string; close(): Promise<void> }>;
