// Factors on a model's matrices: what of them moves together, and which are multiplied as one. Not here: what they are (lora.ts).

import type { Build } from '../gpu/program.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { type Dora, doraScale, formsRows, joinedDora, trainsDora } from '../ops/lowrank/dora.ts';
import { besideFactors, joinedFactors, type LowRank, trainsFactors } from '../ops/lowrank/lowrank.ts';
import { besideParts } from '../ops/matmul/linear.ts';
import { type Part, type Trained, trainedTogether } from '../ops/optimizer/trained.ts';
import type { Stack, Trains, Weight } from '../ops/stored/weight.ts';
import type { Training } from './method.ts';

/** What is attached to one matrix. */
export interface RankedMatrix {
  weight: Weight;
  factors: LowRank;
  /** With DoRA; the factors are its. */
  dora: Dora | null;
}

/** Weight decay acts on the factors, as matrices; not on magnitudes. Of a stack's matrices all A lie together, then all B. */
export function trainedOf(matrices: RankedMatrix[], { most, muon }: Training): Trained[] {
  const stacked = byInput(matrices);
  const part = (m: RankedMatrix, of: 'A' | 'B') => partOf(m.factors[of], m.factors.grads![of], muon);
  const factors = stacked.flatMap((own) => [...own.map((m) => part(m, 'A')), ...own.map((m) => part(m, 'B'))]);
  const magnitudes = stacked.flat().flatMap(({ dora: d }) => (d ? [{ value: d.magnitude, grad: d.grad! }] : []));
  return [
    ...trainedTogether('factors', factors, { decay: true, most }),
    ...trainedTogether('magnitudes', magnitudes, { decay: false, most }),
  ];
}

/** A factor is a matrix of its own for Muon; magnitudes stay AdamW's. */
function partOf(value: Tensor, grad: Tensor, muon: Training['muon']): Part {
  const [rows, cols] = value.shape;
  return { value, grad, ...(muon && { matrices: { n: 1, rows, cols, scale: 1 } }) };
}

/** Matrices by the stack that they lie in, in its order. */
function byInput(matrices: RankedMatrix[]): RankedMatrix[][] {
  const groups = new Map<Weight, RankedMatrix[]>();
  for (const m of matrices) groups.set(m.weight.stack ?? m.weight, [...(groups.get(m.weight.stack ?? m.weight) ?? []), m]);
  const at = ({ weight }: RankedMatrix) => weight.stack?.parts.indexOf(weight) ?? 0;
  return [...groups.values()].map((own) => own.sort((a, b) => at(a) - at(b)));
}

/** What trains of a stack as one matrix. */
export interface RankedStack {
  weight: Stack;
  trains: Trains;
  dora: Dora | null;
}

/** The stacks of which all has factors that can be multiplied as one; with LoRA also those whose stored part can, factors each its own. */
export function stacksOf(matrices: RankedMatrix[], most: number): RankedStack[] {
  return byInput(matrices).flatMap((own): RankedStack[] => {
    const weight = own[0].weight.stack;
    if (!weight) return [];
    const all = own.length === weight.parts.length;
    const doras = own.flatMap((m) => m.dora ?? []);
    if (doras.length) {
      const dora = all ? joinedDora(weight, doras, most) : null;
      return dora ? [{ weight, trains: trainsDora(dora), dora }] : [];
    }
    const factors = own.map((m) => m.factors);
    const joint = all ? joinedFactors(weight, factors) : null;
    const beside = weight.parts.map((part) => factors.find((f) => f.name === part.name));
    const trains = joint
      ? trainsFactors(joint)
      : besideParts(
          weight,
          beside.map((f) => (f ? besideFactors(f) : null)),
        );
    return [{ weight, trains, dora: null }];
  });
}

/** Row scales as the factors now are, of a stack at once where that can be. Nothing to do without DoRA. */
export function rescale(matrices: RankedMatrix[], stacks: RankedStack[]): Build {
  return (p) => {
    const joint = stacks.filter(({ dora }) => dora && formsRows(p.planning.software, dora));
    const within = new Set(joint.flatMap(({ weight }) => weight.parts));
    for (const { dora } of joint) doraScale(p, dora!);
    for (const { weight, dora } of matrices) if (dora && !within.has(weight)) doraScale(p, dora);
  };
}
