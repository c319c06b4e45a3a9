// Text from a model: the prompt is read in chunks into a key/value cache, then one token at a time is chosen and read.

import { ladder } from '../data/pack.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Planning } from '../gpu/limits.ts';
import { type Plan, plan } from '../gpu/plan.ts';
import type { Build } from '../gpu/program.ts';
import { type Machine, readback, replay } from '../gpu/run.ts';
import { resident, type Tensor, write } from '../gpu/tensor.ts';
import { type Decoder, hiddenStates } from '../models/decoder.ts';
import { cacheWrite, newCache } from '../ops/attention/cache.ts';
import { gatherRows } from '../ops/loss/gather.ts';
import { whole } from '../ops/matmul/gemm.ts';
import { productInto } from '../ops/matmul/linear.ts';
import { rmsnorm } from '../ops/norm/rmsnorm.ts';
import { newStream, type Stream } from '../ops/stream/stream.ts';
import { random } from '../random.ts';

/** Tokens of a prompt read at a time. */
const CHUNK = 64;

/** The programs that answer a prompt, planned: the reading of it and one token more. */
export interface Decoding {
  plan: Plan;
  stream: Stream;
  /** Positions there is room for. */
  capacity: number;
}

export interface Sampling {
  max_new_tokens: number;
  /** 0 takes the likeliest token. */
  temperature: number;
  top_p: number;
  seed: number;
  /** Ids that end a text. */
  eos: readonly number[];
}

/**
 * Programs `prefill` (a chunk of a prompt) and `decode` (one token), with room for `capacity` positions: one fewer than the
 * decoder was made for at most, as padding has a position of its own.
 */
export function planDecoding(d: Decoder, capacity: number, planning: Planning): Decoding {
  const [positions] = d.rope.shape;
  if (capacity >= positions)
    throw new Error(
      `expected prompts and answers of at most ${positions - 1} tokens together, for which the model was loaded, got ${capacity}: ` +
        'load it for more positions, or ask for shorter answers.',
    );
  const stream = newStream(CHUNK, 1);
  const width = d.config.n_kv_heads * d.config.head_dim;
  const caches = d.layers.map((_, i) => ({
    k: newCache(`cache ${i} k`, capacity, width),
    v: newCache(`cache ${i} v`, capacity, width),
  }));
  const logits = resident('next logits', [1, d.config.vocab_size], 'logits');
  const build = nextLogits(d, stream, caches, logits);
  const part = (name: string, N: number) => ({ name, build, dims: { N, M: 1 }, readback: logits });
  return { plan: plan([part('prefill', CHUNK), part('decode', 1)], planning), stream, capacity };
}

function nextLogits(d: Decoder, s: Stream, caches: { k: Tensor; v: Tensor }[], logits: Tensor): Build {
  return (p) => {
    const h = hiddenStates(p, d, s, false, (layer, k, v) => {
      cacheWrite(p, k, s.positions, caches[layer].k);
      cacheWrite(p, v, s.positions, caches[layer].v);
      return caches[layer];
    });
    const x = rmsnorm(p, gatherRows(p, h, s.targetAt, 1), d.norm, d.config.rms_norm_eps);
    productInto(p, whole(x), 1, d.head, whole(logits), 0);
  };
}

/** Goes on from a prompt by at most max_new_tokens; answers the new ids, the end-of-sequence id included where it came. `each` hears of every token. */
export async function generate(
  gpu: Gpu,
  m: Machine,
  d: Decoding,
  prompt: ArrayLike<number>,
  o: Sampling,
  each: (id: number) => void = () => {},
): Promise<number[]> {
  const room = o.max_new_tokens;
  if (room < 1 || prompt.length < 1 || prompt.length + room > d.capacity)
    throw new Error(
      `expected a prompt and an answer of at least a token each and ${d.capacity} together, got a prompt of ${prompt.length} and ` +
        `an answer of at most ${room}: shorten one of them, or plan for more.`,
    );
  const next = random(o.seed, 0);
  const draw = () => next() / 2 ** 32;
  let logits: Float32Array | undefined;
  for (let at = 0; at < prompt.length; at += CHUNK)
    logits = await advance(gpu, m, d, Array.from(prompt).slice(at, at + CHUNK), at);
  const ids: number[] = [];
  while (ids.length < room) {
    const id = pick(logits!, o, draw);
    ids.push(id);
    each(id);
    if (o.eos.includes(id) || ids.length === room) break;
    logits = await advance(gpu, m, d, [id], prompt.length + ids.length - 1);
  }
  return ids;
}

/** Reads tokens at positions `at`.. into the cache and answers the logits after the last of them. */
async function advance(gpu: Gpu, m: Machine, d: Decoding, ids: number[], at: number): Promise<Float32Array> {
  const N = ids.length === 1 ? 1 : ladder(ids.length, CHUNK);
  const { stream: s } = d;
  const put = (t: Tensor, f: (i: number) => number) =>
    write(
      gpu.memory,
      t,
      Uint32Array.from({ length: N }, (_, i) => f(i)),
    );
  const real = (i: number) => i < ids.length;
  put(s.ids, (i) => (real(i) ? ids[i] : 0));
  put(s.positions, (i) => (real(i) ? at + i : d.capacity)); // padding goes to the cache's spare row
  put(s.lo, () => 0);
  put(s.last, (i) => (real(i) ? at + i : 0));
  write(gpu.memory, s.targetAt, Uint32Array.of(ids.length - 1));
  const program = ids.length === 1 ? 'decode' : 'prefill';
  replay(m, program, { N, M: 1 });
  return readback(m, program);
}

function pick(logits: Float32Array, o: Sampling, draw: () => number): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[best]) best = i;
  if (!Number.isFinite(logits[best]))
    throw new Error(`expected finite logits, got ${logits[best]}: the model or the adapter is broken.`);
  if (o.temperature === 0) return best;
  return sample(logits, logits[best], o, draw);
}

/** Nucleus sampling: the likeliest tokens that together reach top_p, drawn by their probability. */
function sample(logits: Float32Array, top: number, o: Sampling, draw: () => number): number {
  const weights = Array.from(logits, (x, id) => ({ id, w: Math.exp((x - top) / o.temperature) }));
  const order = weights.sort((a, b) => b.w - a.w || a.id - b.id);
  const all = order.reduce((n, x) => n + x.w, 0);
  let kept = 0;
  const nucleus = order.filter((x) => {
    const before = kept;
    kept += x.w;
    return before < o.top_p * all;
  });
  let left = draw() * nucleus.reduce((n, x) => n + x.w, 0);
  for (const x of nucleus) if ((left -= x.w) <= 0) return x.id;
  return nucleus[nucleus.length - 1].id;
}
