// All that a server of one model runs, planned at once: for the base and for each adapter the programs that answer (decoding.ts) and one
// that scores whole prompts, every token with the likeliest beside it. They share caches, inputs and slots, so that going from one
// adapter to another is naming another program, and the base's is as if there were none. What is run when is desk.ts.

import type { Planning } from '../gpu/limits.ts';
import { type Plan, plan } from '../gpu/plan.ts';
import { type Build, decide, temp } from '../gpu/program.ts';
import { resident, type Tensor } from '../gpu/tensor.ts';
import { type Decoder, hiddenStates, weightBytes } from '../models/decoder.ts';
import { gatherRows } from '../ops/loss/gather.ts';
import { likeliest, toldWidth } from '../ops/loss/likeliest.ts';
import { product } from '../ops/matmul/linear.ts';
import { rmsnorm } from '../ops/norm/rmsnorm.ts';
import { newStream, type Stream } from '../ops/stream/stream.ts';
import { decodingParts, type Inputs, newCaches, newInputs, rowsAtOnce } from './decoding.ts';

/** Likeliest tokens that are told of at most: beside each token of an answer, and of a prompt. */
export const MOST_TOLD = { answer: 20, prompt: 5 } as const;
/** Rows answered at once at most, and bytes that their caches may take where the weights are fewer. */
const ROWS = 8;
const CACHES = 512 << 20;
/** Tokens scored at a time at least, where a prompt may not be longer. */
const PIECE = 1024;
/** Bytes of logits that are there at once in scoring. */
const LOGITS = 24 << 20;

/** A model that is served: what hangs on the decoder while its programs are traced. */
export interface Served {
  name: string;
  on(): void;
  off(): void;
}

export interface Serving {
  plan: Plan;
  decoding: Inputs;
  scoring: { stream: Stream; told: Tensor; room: number };
}

/** The name of a program among those of all models. */
export const programOf = (model: string) => (name: string) => `${name} of ${model}`;

/** Plans the programs of all models, for prompts and answers of at most `capacity` tokens together. */
export function planServing(d: Decoder, models: readonly Served[], capacity: number, planning: Planning): Serving {
  const rows = rowsAtOnce(d, capacity, ROWS, planning, Math.max(CACHES, weightBytes(d)));
  const decoding = newInputs(capacity, rows, MOST_TOLD.answer);
  const caches = newCaches(d, decoding);
  const room = Math.max(PIECE, capacity);
  const told = resident('told of prompts', [room, toldWidth(MOST_TOLD.prompt)], 'other', 'u32');
  const scoring = { stream: newStream(room, room), told, room };
  const dims = { N: room, M: room, wanted: MOST_TOLD.prompt };
  const parts = models.flatMap((model) => {
    const as = programOf(model.name);
    const score = { name: as('score'), build: scoringOf(d, scoring.stream, told), dims, readback: told };
    return [...decodingParts(d, decoding, caches, as), score].map((part) => ({ ...part, build: with_(model, part.build) }));
  });
  return { plan: plan(parts, planning), decoding, scoring };
}

/** A build while the model's adapter hangs on the decoder. */
function with_({ on, off }: Served, build: Build): Build {
  return (p) => {
    on();
    try {
      build(p);
    } finally {
      off();
    }
  };
}

/** Of each token the one that follows it by the stream's targets, and the likeliest, over chunks of logits. */
function scoringOf(d: Decoder, s: Stream, told: Tensor): Build {
  return (p) => {
    const { M, wanted } = p.dims;
    const x = rmsnorm(p, gatherRows(p, hiddenStates(p, d, s), s.targetAt, M), d.norm, d.config.rms_norm_eps);
    const [D, V] = [d.head.cols, d.head.rows];
    const { rows, chunks } = decide(p, () => chunksOf(M, V, p.planning));
    for (let c = 0; c < chunks; c++) {
      const row0 = c * rows;
      const m = Math.max(0, Math.min(rows, M - row0));
      const logits = temp(p, 'logits', [rows, V], 'logits');
      product(p, d.head, { t: x, at: row0 * D, ld: D }, m, { t: logits, at: 0, ld: V }, 0);
      likeliest(p, logits, { ids: s.targetId, told, row0, m, wanted });
    }
  };
}

function chunksOf(M: number, V: number, { maxBinding }: Planning): { rows: number; chunks: number } {
  const rows = Math.max(1, Math.min(M, Math.floor(Math.min(LOGITS, maxBinding) / (4 * V))));
  return { rows, chunks: Math.ceil(M / rows) };
}
