// A model's tensors from their files onto the device, some megabytes at a time: while one chunk is converted and written, the next is
// read. However large a model is, no more of it than a few chunks is in the host's memory.

import type { Format, WritableFormat } from '../formats.ts';
import { formatBytes } from '../formats.ts';
import { allocate, type Memory, type Scope } from '../gpu/scope.ts';
import { flush, write } from '../gpu/tensor.ts';
import { decode } from '../io/dequant.ts';
import type { ModelFiles } from '../io/model.ts';
import { recode } from '../io/recode.ts';
import type { TensorInfo } from '../io/tensors.ts';
import { type Decoder, parametersOf, weightBytes } from '../models/decoder.ts';
import { ropeTable } from '../ops/attention/rope.ts';
import { splitQuants, storedBytes } from '../ops/stored/formats.ts';
import { tensorsOf, type Vector, type Weight, type Window } from '../ops/stored/weight.ts';

/** Bytes of a file read at a time, about. */
const CHUNK = 4 << 20;
/** Bytes on their way to the device at most, about: what is written waits in the host's memory until it is there. */
const UNDERWAY = 64 << 20;

/** Rows r0 <= r < r1 of a tensor: of a matrix within a window, or all of a vector. */
interface Chunk {
  info: TensorInfo;
  w: Weight | Vector;
  window: Window | null;
  r0: number;
  r1: number;
}

/** Allocates and fills every parameter and the RoPE table. `progress` hears of bytes written and of all bytes. */
export async function upload(
  scope: Scope,
  files: ModelFiles,
  d: Decoder,
  progress: (done: number, all: number) => void = () => {},
): Promise<void> {
  const { memory } = scope;
  const all = weightBytes(d);
  let [done, waiting] = [0, 0];
  let before = Promise.resolve();
  for await (const { chunk, bytes } of readAhead(chunksOf(files, d))) {
    for (const t of tensorsOf(chunk.w)) allocate(scope, t.home!);
    const written = put(memory, chunk, bytes);
    done += written;
    waiting += written;
    const there = flush(memory);
    if (waiting >= UNDERWAY / 2) {
      await before;
      before = there;
      waiting = 0;
    }
    progress(Math.min(done, all), all);
  }
  const [positions] = d.rope.shape;
  allocate(scope, d.rope.home!);
  write(memory, d.rope, ropeTable(d.config.rope, d.config.head_dim, positions));
}

/** Every parameter in chunks, in the order of the checkpoint. A chunk's elements are whole words in every format. */
function* chunksOf(files: ModelFiles, d: Decoder): Generator<Chunk> {
  for (const w of parametersOf(d)) {
    const info = files.tensors.get(w.name)!;
    if (!('windows' in w)) {
      yield { info, w, window: null, r0: 0, r1: 1 };
      continue;
    }
    const rows = Math.max(8, 8 * Math.floor(CHUNK / (8 * formatBytes(info.format, w.cols))));
    for (const window of w.windows)
      for (let r0 = window.r0; r0 < window.r1; r0 += rows) yield { info, w, window, r0, r1: Math.min(window.r1, r0 + rows) };
  }
}

/** Chunks with their bytes as they lie in the file; the next one is being read while one is looked at. */
async function* readAhead(chunks: Iterable<Chunk>): AsyncGenerator<{ chunk: Chunk; bytes: Uint8Array<ArrayBuffer> }> {
  const read = (chunk: Chunk) => {
    const bytes = chunk.info.rows(chunk.r0, chunk.r1);
    bytes.catch(() => {}); // who comes for it hears of it
    return { chunk, bytes };
  };
  let ahead: ReturnType<typeof read> | undefined;
  for (const chunk of chunks) {
    const now = ahead;
    ahead = read(chunk);
    if (now) yield { chunk: now.chunk, bytes: await now.bytes };
  }
  if (ahead) yield { chunk: ahead.chunk, bytes: await ahead.bytes };
}

/** Writes a chunk as the device wants it; answers how many bytes that are. */
function put(memory: Memory, { info, w, window: v, r0, r1 }: Chunk, bytes: Uint8Array<ArrayBuffer>): number {
  if (!('windows' in w) || !v) {
    const values = decode(info.format, bytes, info.shape[0]);
    write(memory, (w as Vector).value, values);
    return values.byteLength;
  }
  const stored = recoded(w, info.format, bytes, (r1 - r0) * w.cols);
  const { q, s } = splitQuants(w.format, stored);
  const at = storedBytes(w.format, r0 - v.r0, w.cols);
  write(memory, v.q, q, at.q / 4);
  if (s && v.s) write(memory, v.s, s, at.s! / 4);
  return stored.length;
}

/** Values stored as `from` as a weight stores them: one of the formats that `base` names, since others come as they are. */
export function recoded(w: Weight, from: Format, bytes: Uint8Array<ArrayBuffer>, count: number): Uint8Array<ArrayBuffer> {
  try {
    return recode(from, bytes, w.format as WritableFormat, count);
  } catch (e) {
    throw new Error(`${w.name}: ${(e as Error).message}`);
  }
}
