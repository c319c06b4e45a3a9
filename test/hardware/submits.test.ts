// What holds a screen up: no dispatch of a real model's programs that a slow integrated GPU would work on for longer than a tenth of a
// second, and no submit much longer than it is meant to be. By count, from traces: no GPU.
import { describe, expect, test } from 'vitest';
import { SLOW_GPU } from '../../src/gpu/pace.ts';
import { type Part, SUBMIT_MS } from '../../src/gpu/plan.ts';
import { makeTable, submitsOf } from '../../src/gpu/table.ts';
import { DESKTOP } from '../../src/index.ts';
import { METHODS, methodNamed } from '../../src/methods/index.ts';
import type { Method } from '../../src/methods/method.ts';
import type { DecoderConfig } from '../../src/models/config.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { withTraining, withWarmup } from '../../src/train/plans.ts';
import { TINY } from '../models/tiny.ts';
import { answering } from './answering.ts';

const LONGEST_MS = 100;
/** Invocations that such a GPU runs at once: 96 units of 8 lanes. Fewer leave the rest of it idle. */
const LANES = 768;
const OPTIMIZER = { betas: [0.9, 0.95] as const, eps: 1e-8, clip: 1, weightDecay: 0, recompute: false };

const MODELS: Record<string, Partial<DecoderConfig>> = {
  'Llama-3.2-1B': {
    ...{ hidden_size: 2048, intermediate_size: 8192, n_layers: 16, vocab_size: 128256 },
    ...{ n_heads: 32, n_kv_heads: 8, head_dim: 64 },
  },
  'SmolLM2-135M': {
    ...{ hidden_size: 576, intermediate_size: 1536, n_layers: 30, vocab_size: 49152 },
    ...{ n_heads: 9, n_kv_heads: 3, head_dim: 64 },
  },
  'Qwen2.5-0.5B': {
    ...{ hidden_size: 896, intermediate_size: 4864, n_layers: 24, vocab_size: 151936 },
    ...{ n_heads: 14, n_kv_heads: 2, head_dim: 64, attention_bias: true },
  },
};

/** Rows of 512 tokens a micro-batch. */
const ROWS = [1, 4, 16];
const T = 512;
const LONG = 4096;

interface Worst {
  dispatch: [ms: number, name: string];
  submit: number;
}

/** The longest dispatch and submit of programs, cut for a GPU that was never measured and is a slow one. */
function look(parts: Iterable<Part>, worst: Worst): void {
  for (const part of parts) {
    const table = makeTable(part, part.largest.dims, 0, SLOW_GPU);
    for (const { entry, grid, ms } of table.steps) {
      const e = table.program.entries[entry];
      const lanes = e.op === 'run' ? [...grid!, ...e.kernel.linked.workgroupSize].reduce((a, b) => a * b) : LANES;
      const long = ms / Math.min(1, lanes / LANES);
      if (long > worst.dispatch[0]) worst.dispatch = [long, `${part.name}: ${e.op === 'run' ? e.label : e.op} ${grid}`];
    }
    for (const { ms } of submitsOf(table, SLOW_GPU)) worst.submit = Math.max(worst.submit, ms);
  }
}

function worstOf(config: DecoderConfig, method: Method, rows: number): Worst {
  const decoder = () => newDecoder(config, T, () => (method.movesBase ? 'f32' : 'bf16'), DESKTOP.maxBinding);
  const sizes = { N: rows * T, M: rows * (T - 1) };
  const options = { ...OPTIMIZER, sizes, evaluate: sizes };
  const worst: Worst = { dispatch: [0, ''], submit: 0 };
  withTraining(decoder(), method, options, DESKTOP, ({ plan }) => look(plan.parts.values(), worst));
  withWarmup(decoder(), method, options, DESKTOP, ({ plan }) => look(plan.parts.values(), worst));
  return worst;
}

describe.each(Object.keys(MODELS))('%s', (name) => {
  const config: DecoderConfig = { ...TINY, ...MODELS[name] };

  test.each(ROWS)('smt on %i rows of 512', (rows) => {
    const worst = worstOf(config, methodNamed('smt').make({}), rows);
    expect(worst.dispatch).toSatisfy(([ms]) => ms <= LONGEST_MS);
    expect(worst.submit).toBeLessThanOrEqual(1.2 * SUBMIT_MS);
  });

  test.each(METHODS.map((m) => m.name))('%s on 4 rows of 512', (method) => {
    const worst = worstOf(config, methodNamed(method).make({ layers: 1 }), 4);
    expect(worst.dispatch).toSatisfy(([ms]) => ms <= LONGEST_MS);
  });

  test('answers of up to 4096 tokens, served, searched for and scored', () => {
    const decoder = newDecoder(config, LONG, () => 'bf16', DESKTOP.maxBinding);
    const worst: Worst = { dispatch: [0, ''], submit: 0 };
    for (const { parts } of answering(decoder, LONG, DESKTOP)) look(parts.values(), worst);
    expect(worst.dispatch).toSatisfy(([ms]) => ms <= LONGEST_MS);
  });
});
