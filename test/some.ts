// Cases of a long list. Deno's adapter (lavapipe) compiles a kernel in milliseconds and takes all of them; SwiftShader, under Node and
// Chromium, takes seconds over one, so there npm test has every few, and `npm run evidence everywhere` the rest.

const whole = 'Deno' in globalThis || import.meta.env.EVERYWHERE === '1';

/** The whole list in Deno, elsewhere its first and every `of`-th after it: a number that its inner lists are no multiple of meets all kinds. */
export const some = <T>(list: readonly T[], of: number): T[] => (whole ? [...list] : list.filter((_, i) => i % of === 0));
