// Weight decay toward the base shrinks the blocks' differences, and them alone.
import { expect, test } from 'vitest';
import type { SmtAdapter } from '../../src/io/adapter-blocks.ts';
import { smt } from '../../src/methods/smt/method.ts';
import '../compare.ts';
import { goldenRun, PLAIN, run } from './running.ts';

const [LR, DECAY] = [PLAIN.lr, 3];
const BLOCKS = [
  { layer: 0, module: 'q_proj', row: 0, col: 1, score: 0 },
  { layer: 1, module: 'v_proj', row: 1, col: 0, score: 0 },
  { layer: 1, module: 'down_proj', row: 2, col: 3, score: 0 },
] as const;

test.each(['adamw', 'muon'] as const)(
  '%s: a step takes lr x decay of the difference besides, the first nothing',
  async (optimizer) => {
    const { decoder, rows, batch } = await goldenRun('llama3');
    const after = async (steps: number, weight_decay: number, decayToward: 'zero' | 'base') => {
      const settings = { ...PLAIN, weight_decay };
      const method = smt({ selection: { block: 8, blocks: [...BLOCKS] } });
      const muon = optimizer === 'muon' ? 'strip' : undefined;
      const { adapter } = await run<SmtAdapter>(decoder(), method, rows, steps, { batch, settings, muon, decayToward });
      return adapter.matrices.flatMap(({ blocks }) => [...blocks]);
    };
    const [one, two] = [await after(1, 0, 'zero'), await after(2, 0, 'zero')];
    expect(await after(1, DECAY, 'base')).toEqual(one);
    const decayed = await after(2, DECAY, 'base');
    // the second step's gradient is the same, so it moves by the same and by what decays
    expect(decayed).toBeCloseL2(
      two.map((d, i) => d - LR * DECAY * one[i]),
      1e-6,
    );
    expect(await after(1, DECAY, 'zero')).not.toEqual(one);
  },
);
