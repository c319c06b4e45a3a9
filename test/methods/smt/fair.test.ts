// The fair spread, and the one apart, against numpy's on the score maps of every family (goldens/make_fair.py), and what it is for.
import { describe, expect, test } from 'vitest';
import { toldLie } from '../../../src/methods/smt/method.ts';
import { chooseBlocks, lieOf, type ScoreMaps } from '../../../src/methods/smt/select.ts';
import type { Target } from '../../../src/methods/targets.ts';
import { MODULES, type Module } from '../../../src/models/config.ts';
import { newDecoder } from '../../../src/models/decoder.ts';
import fair from '../../goldens/fair.json';
import { FAMILIES, loadGolden } from '../../goldens/load.ts';
import { TINY } from '../../models/tiny.ts';

describe.each(FAMILIES)('%s', (family) => {
  test.each(fair[family].map((c) => [`${c.score} ${c.edge}, kappa ${c.kappa}, ${c.N} blocks, levels ${c.levels}`, c] as const))(
    '%s',
    async (_, { score, edge, modules, kappa, N, levels, blocks, apart }) => {
      const { tensors } = await loadGolden(family);
      const stored = [...tensors].filter(([name]) => name.startsWith('score/') && name.endsWith(`/${score}/${edge}`));
      const own = stored.filter(([name]) => modules.includes(name.split('/')[1].split('.').at(-2)!));
      const most = Math.max(...own.flatMap(([, { data }]) => [...data]));
      const maps: ScoreMaps = new Map();
      const targets = own.map(([name, { shape, data }]): Target => {
        const weight = name.split('/')[1];
        const module = weight.split('.').at(-2) as Module;
        maps.set(weight, levels ? data.map((x) => Math.floor((x / most) * levels)) : data);
        const layer = Number(weight.split('.')[2]);
        return { name: weight, layer, module, order: MODULES.indexOf(module), rows: shape[0] * edge, cols: shape[1] * edge };
      });
      for (const [spread, wanted] of [
        ['fair', blocks],
        ['apart', apart],
      ] as const) {
        const chosen = chooseBlocks(targets, maps, edge, N, { spread, kappa });
        expect(chosen.map((c) => [c.layer, MODULES.indexOf(c.module), c.row, c.col])).toEqual(wanted);
        for (const c of chosen) {
          const t = targets.find(({ layer, module }) => layer === c.layer && module === c.module)!;
          expect(c.score).toBe(maps.get(t.name)![(c.row * t.cols) / edge + c.col]); // raw, not discounted
        }
      }
    },
  );
});

const matrix = (layer: number, module: Module): Target => ({
  name: `${layer}.${module}`,
  layer,
  module,
  order: MODULES.indexOf(module),
  rows: 4,
  cols: 4,
});
const two = [matrix(0, 'q_proj'), matrix(1, 'v_proj')];
const loud = new Map([
  ['0.q_proj', Float32Array.of(9, 8, 7, 6)],
  ['1.v_proj', Float32Array.of(5, 1, 1, 1)],
]);

test('a matrix whose scores are larger takes all of one ranking, and what it is worth of a fair one', () => {
  const lie = (spread: 'fair' | 'global', kappa: number) => {
    const blocks = chooseBlocks(two, loud, 2, 3, { spread, kappa });
    const { layers, matrices, fullest, share } = lieOf({ block: 2, blocks }, two);
    return [layers, matrices, fullest.name, share];
  };
  expect(lie('global', 1)).toEqual([1, 1, '0.q_proj', 3 / 4]);
  expect(lie('fair', 0)).toEqual([1, 1, '0.q_proj', 3 / 4]);
  expect(lie('fair', 1)).toEqual([2, 2, '0.q_proj', 2 / 4]); // 9, 8 / (1 + 2/3), 5 against 7 / (1 + 4/3)
});

test('apart, blocks of one matrix share rows and columns only where they are worth it', () => {
  const maps = new Map([...loud].map(([name]) => [name, Float32Array.of(9, 8, 7, 4)]));
  const placesOf = (spread: 'fair' | 'apart', n: number) =>
    chooseBlocks(two.slice(0, 1), maps, 2, n, { spread, kappa: 0 }).map(({ row, col }) => [row, col]);
  expect(placesOf('fair', 2)).toEqual([
    [0, 0],
    [0, 1],
  ]);
  maps.get('0.q_proj')![3] = 4.1; // against 8 / 2 beside the best
  expect(placesOf('apart', 2)).toEqual([
    [0, 0],
    [1, 1],
  ]);
  maps.get('0.q_proj')![3] = 4; // equal: the one that scores more
  expect(placesOf('apart', 2)).toEqual([
    [0, 0],
    [0, 1],
  ]);
  expect(placesOf('apart', 9)).toHaveLength(4);
});

const tiny = newDecoder(TINY, 8, () => 'f32', 1 << 27);
const first = { layer: 0, module: 'q_proj', col: 0, score: 1 } as const;
const onlyQ = { block: 8, blocks: [0, 1, 2].map((row) => ({ ...first, row })) };
test.each([
  ['global', onlyQ, true],
  ['fair', onlyQ, false],
  ['global', { block: 8, blocks: [...onlyQ.blocks, { ...first, module: 'v_proj' as const, row: 0 }] }, false],
] as const)('a run says how %s blocks lie, and warns where they crowd', (spread, selection, warns) => {
  const lines = toldLie(tiny, { targets: ['q_proj', 'v_proj'], spread }, { ...selection, blocks: [...selection.blocks] });
  const n = selection.blocks.length;
  const share = (100 * 3 * 64) / (TINY.hidden_size * TINY.n_heads * TINY.head_dim);
  expect(lines[0]).toMatchObject({
    kind: 'note',
    text: `${n} blocks lie in 1 of 2 layers and ${n - 2} of 4 matrices, the fullest, q_proj of layer 0, to ${Number(share.toPrecision(2))} %`,
  });
  expect(lines.slice(1).map((l) => l.kind)).toEqual(warns ? ['warning'] : []);
});
