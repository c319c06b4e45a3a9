// Two things that train on one model, one beside the other: a matrix that both hang on is changed by the sum of what they add.
// What they are is not known here.

import type { Stack, Trains, Weight } from '../ops/stored/weight.ts';
import type { Attached } from './method.ts';

/** Both at once; `second` must have been hung on the model last, and be something beside a product. What they become is the method's to say. */
export function together(first: Attached, second: Attached): Omit<Attached, 'adapter'> {
  const both = [first, second];
  return {
    trained: both.flatMap((a) => a.trained),
    ownRate: both.find((a) => a.ownRate !== undefined)?.ownRate,
    of: Math.max(first.of, second.of),
    hooks: hooksOf(first, second),
    tensors: both.flatMap((a) => a.tensors),
    scratch: both.flatMap((a) => a.scratch),
    sorted: both.some((a) => a.sorted),
    async fill(base) {
      for (const a of both) await a.fill(base);
    },
    after: (p) => {
      for (const a of both) a.after?.(p);
    },
    async refresh(base) {
      for (const a of both) await a.refresh?.(base);
    },
    async told(base) {
      const lines = [];
      for (const a of both) lines.push(...((await a.told?.(base)) ?? []));
      return lines;
    },
  };
}

/** One hook a weight. A stack is multiplied as one only where that does all that hangs on its matrices. */
function hooksOf(first: Attached, second: Attached): Attached['hooks'] {
  const [one, two] = [first, second].map(({ hooks }) => new Map(hooks.map(({ weight, trains }) => [weight, trains])));
  const weights = new Set([...one.keys(), ...two.keys()]);
  const whole = (of: Map<Weight, Trains>, w: Weight) => of.has(w) || !(w as Partial<Stack>).parts?.some((part) => of.has(part));
  return [...weights].flatMap((weight) => {
    weight.trains = null;
    if (!whole(one, weight) || !whole(two, weight)) return [];
    const [a, b] = [one.get(weight), two.get(weight)];
    weight.trains = a && b ? beside(b, a) : (b ?? a)!;
    return [{ weight, trains: weight.trains }];
  });
}

function beside(trains: Trains, under: Trains): Trains {
  if (!trains.over)
    throw new Error('expected something that can train beside another on one matrix, got what replaces its product');
  return trains.over(under);
}
