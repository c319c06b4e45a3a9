// Cases of a long list. Deno's adapter (lavapipe) compiles a kernel in milliseconds and takes all of them; SwiftShader, under Node and
// Chromium, takes seconds over one, so there npm test has every few, and `npm run evidence everywhere` the rest.

/** Nothing is left out. */
export const EVERYWHERE = import.meta.env.EVERYWHERE === '1';

/** The whole list in Deno, elsewhere its first and every `of`-th after it: a number that its inner lists are no multiple of meets all kinds. */
export const some = <T>(list: readonly T[], of: number): T[] => ('Deno' in globalThis ? [...list] : few(list, of));

/** The first and every `of`-th after it in Deno too: of what is much like another list that is whole there. */
export const few = <T>(list: readonly T[], of: number): T[] => list.filter((_, i) => EVERYWHERE || i % of === 0);
