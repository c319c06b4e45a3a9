// Random choices among words, from the project's seeded stream: the same seed gives the same text on every machine.
import { below, random } from '../src/random.ts';

/** Uniform 32-bit integers. */
export type Random = () => number;
export { random };

/** True in `percent` of 100 draws. */
export function chance(rng: Random, percent: number): boolean {
  return below(100, rng) < percent;
}

/** One of the items, all equally likely. */
export function pick<T>(rng: Random, items: readonly T[]): T {
  return items[below(items.length, rng)]!;
}

/** Two different items in random order. */
export function pair<T>(rng: Random, items: readonly T[]): [T, T] {
  const first = pick(rng, items);
  return [
    first,
    pick(
      rng,
      items.filter((item) => item !== first),
    ),
  ];
}
