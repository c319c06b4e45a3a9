// Making again instead of keeping: a tensor by its recipe, or everything inside a segment by tracing it once more.
// Not an op: recipes and segments are ordinary entries, put into the program where the backward needs them.

import { backward, giveGrad, gradOf, onBackward, type Program } from './program.ts';
import type { Tensor } from './tensor.ts';
import { dropUnread } from './unread.ts';

/** Says how to make `t` again cheaply; a backward that asks by `again` does not keep it alive. */
export function remake(p: Program, t: Tensor, recipe: () => Tensor): void {
  p.recipes.set(t, recipe);
}

/** `t` for use in a backward: made anew where it has a recipe (once), else `t` itself. */
export function again(p: Program, t: Tensor): Tensor {
  const recipe = p.recipes.get(t);
  if (!recipe) return t;
  p.recipes.delete(t);
  const made = recipe();
  p.recipes.set(t, () => made);
  return made;
}

/** Says that the backward of what made `t` can make it again beside its gradient: it will `handOver` once it has come. */
export function promise(p: Program, t: Tensor): void {
  p.awaited.set(t, []);
}

/** Calls `use` with `t` in a backward: where it is promised when that comes, else now, made anew if need be. */
export function whenThere(p: Program, t: Tensor, use: (t: Tensor) => void): void {
  const others = p.awaited.get(t);
  if (others) others.push(use);
  else use(again(p, t));
}

/** Whether somebody waits for what was promised. */
export const isAwaited = (p: Program, t: Tensor): boolean => Boolean(p.awaited.get(t)?.length);

/** Keeps a promise: those who wait use what was made, or `t` by its recipe where nothing was. */
export function handOver(p: Program, t: Tensor, made: Tensor | null): void {
  const uses = p.awaited.get(t) ?? [];
  p.awaited.delete(t);
  if (made) p.recipes.set(t, () => made);
  for (const use of uses) use(again(p, t));
}

/**
 * Traces y = f(x). With `recompute`, nothing inside f is kept: the backward traces f once more from x.
 * f must be a pure function of x and of residents.
 */
export function segment(p: Program, label: string, x: Tensor, f: (x: Tensor) => Tensor, recompute: boolean): Tensor {
  const outer = p.label;
  p.label = label;
  const kept = p.tape;
  if (recompute) p.tape = [];
  const y = f(x);
  p.label = outer;
  if (!recompute) return y;
  p.tape = kept;
  if (!p.needs.has(y)) return y;
  onBackward(p, () => {
    const dy = gradOf(p, y);
    if (!dy) return;
    const rest = p.tape;
    p.tape = [];
    p.label = label;
    const first = p.entries.length;
    giveGrad(p, f(x), dy);
    const end = p.entries.length;
    backward(p);
    dropUnread(p, first, end);
    p.tape = rest;
    p.label = outer;
  });
  return y;
}
