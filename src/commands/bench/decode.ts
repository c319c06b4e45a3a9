// Tokens a second of a model, one row and eight: beside what bounds them, measured in turn in the same run. A token reads every weight
// and the cache once, so it cannot be faster than a plain read of these bytes, nor than its multiply-adds at the FMA peak.

import type { Gpu } from '../../gpu/device.ts';
import { type Peak, wallMs } from '../../gpu/peak.ts';
import { readerOf, widthsOf } from '../../gpu/plain-read.ts';
import { dispose, type Machine, prepare, replay } from '../../gpu/run.ts';
import { parametersOf } from '../../models/decoder.ts';
import { tensorsOf } from '../../ops/stored/weight.ts';
import { freeModel, generateAll, loadModel, type OpenModel, planDecoding } from '../../parts.ts';
import type { Report } from '../../report.ts';
import { giga, line } from './line.ts';

const PROMPT = 32;
const TOKENS = 17;
const CAPACITY = PROMPT + TOKENS;
const ROUNDS = 4;
const ROWS = 8;

/** A token of one row, its two bounds, and the larger of these over it; a token of eight rows at once, and how many times as fast. */
export async function benchDecode(gpu: Gpu, peak: Peak, report: Report, opened: OpenModel): Promise<void> {
  const model = await loadModel(gpu, opened, { longest: CAPACITY });
  const machines: Machine[] = [];
  const ready = async (made: Promise<Machine>) => {
    machines.push(await made);
    return machines.at(-1)!;
  };
  try {
    const { decoder, planning } = model;
    const one = planDecoding(decoder, CAPACITY, planning);
    const several = planDecoding(decoder, CAPACITY, planning, ROWS);
    const [alone, together] = [await ready(prepare(gpu, one.plan)), await ready(prepare(gpu, several.plan))];
    const bytes = parametersOf(decoder).flatMap(tensorsOf);
    const caches = one.plan.residents
      .filter((h) => h.role === 'kv')
      .map((home) => ({ ...bytes[0], home, bytes: home.bytes, start: 0 }));
    const readers = [];
    for (const width of widthsOf(gpu.software)) readers.push(await ready(readerOf(gpu, [...bytes, ...caches], width)));
    const best = { one: Number.POSITIVE_INFINITY, eight: Number.POSITIVE_INFINITY, read: Number.POSITIVE_INFINITY };
    const least = (what: keyof typeof best, ms: number) => (best[what] = Math.min(best[what], ms));
    for (let round = 0; round < ROUNDS; round++) {
      least('one', await tokenMs(alone, one, 1));
      for (const reader of readers) least('read', await wallMs(gpu, () => replay(reader, 'read', {})));
      await peak.again();
      least('eight', await tokenMs(together, several, ROWS));
    }
    const entries = one.plan.parts.get('decode')!.largest.entries;
    const flops = entries.reduce((n, e) => n + (e.op === 'run' ? e.flops : 0), 0);
    const read = [...bytes, ...caches].reduce((n, t) => n + t.bytes, 0);
    const shape = `${opened.files.name.split('/').at(-1)}, ${PROMPT} + ${TOKENS} tokens`;
    const fma = flops / peak.best / 1e6;
    report(line('plain read of weights and cache', shape, { ms: best.read, gbs: giga(read, best.read) }));
    report(line('multiply-adds of a token at the peak', shape, { ms: fma, gflops: peak.best, peak_gflops: peak.best }));
    report(
      line('decode over the slower of them', shape, {
        ms: best.one,
        gbs: giga(read, best.one),
        ratio: Math.max(best.read, fma) / best.one,
      }),
    );
    report(line(`decode, ${ROWS} rows at once/one after the other`, shape, { ms: best.eight, ratio: best.eight / best.one }));
  } finally {
    for (const m of machines) dispose(m);
    freeModel(model);
  }
}

/** Milliseconds a token of a row, the best of those after the first: every token made is seen by the host. */
async function tokenMs(m: Machine, d: ReturnType<typeof planDecoding>, rows: number): Promise<number> {
  const prompt = Array.from({ length: PROMPT }, (_, i) => 1 + i);
  const asked = Array.from({ length: rows }, (_, seed) => ({ prompt, seed }));
  const at: number[] = [];
  let seen = 0;
  const each = () => {
    if (++seen % rows === 0) at.push(performance.now());
  };
  const sampling = { max_new_tokens: TOKENS, temperature: 0, top_p: 1, eos: [] };
  for await (const _ of generateAll(m, d, asked, sampling, { each }));
  return Math.min(...at.slice(1).map((t, i) => t - at[i])) / rows;
}
