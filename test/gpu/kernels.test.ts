// The sets of kernels are what they say: which products and attentions a step consists of, by name.
import { expect, test } from 'vitest';
import { planningOf } from '../../src/gpu/limits.ts';
import { trace } from '../../src/gpu/program.ts';
import { full } from '../../src/methods/full.ts';
import { newDecoder } from '../../src/models/decoder.ts';
import { newResults } from '../../src/ops/optimizer/gradnorm.ts';
import { newStream } from '../../src/ops/stream/stream.ts';
import { micro } from '../../src/train/programs.ts';
import { TINY } from '../models/tiny.ts';
import { gpuWith, type Kernels } from './kernels.ts';

/** Kernels of products and attention in a training step, without their passes. */
async function kernelsOf(kernels: Kernels): Promise<string[]> {
  const { limits } = await gpuWith(kernels);
  const d = newDecoder({ ...TINY, vocab_size: 64 }, 64, () => 'f32', limits.maxBinding);
  full().attach(d, { decays: false, software: true, most: 1 << 27 });
  const build = micro(d, newStream(32, 20), { results: newResults(), recompute: false, gradients: true });
  const { entries } = trace('step', build, { N: 32, M: 20 }, planningOf(limits));
  const names = entries.flatMap((e) => (e.op === 'run' ? [e.kernel.name.split(' ')[0].replace(/_(forward|dq|dkv)$/, '')] : []));
  return [...new Set(names.filter((n) => /^(gemm|attention)/.test(n) && !/^(gemm_pack|attention_delta)$/.test(n)))].sort();
}

test.each<[Kernels, string[]]>([
  ['without subgroups', ['attention', 'gemm_packed_plain']],
  ['tiles', ['attention_tiled', 'gemm_tile32']],
  ['large tiles', ['attention_tiled', 'gemm_tile128']],
])('%s: %j', async (kernels, names) => {
  expect(await kernelsOf(kernels)).toEqual(names);
});

test('own: what suits the adapter, by the size of its subgroups where it is software', async () => {
  const { software, limits } = await gpuWith('own');
  const subgroups = limits.subgroups ?? 0;
  const like: Kernels = software ? 'without subgroups' : 'tiles';
  const panels = `gemm_packed${subgroups >= 8 ? 8 : 4}`;
  const shared = ['attention_subgroup', panels];
  expect(await kernelsOf('own')).toEqual(software && subgroups >= 4 ? shared : await kernelsOf(like));
});
