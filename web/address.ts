// What the page's address asks for: `?steps=20&warmup=4&eval=8` shortens the run.

export interface Asked {
  /** Optimizer steps and warm-up batches; null: as many as the recipe has. */
  steps: number | null;
  warmup: number | null;
  /** Held-out prompts of each skill; null: as many as suit the device. */
  eval: number | null;
}

/** Reads the query of an address; a number that is none is an error that names it. */
export function askedBy(query: string): Asked {
  const given = new URLSearchParams(query);
  return { steps: whole(given, 'steps'), warmup: whole(given, 'warmup'), eval: whole(given, 'eval') };
}

function whole(given: URLSearchParams, name: string): number | null {
  const text = given.get(name);
  if (text === null) return null;
  const n = Number(text);
  if (Number.isSafeInteger(n) && n >= 1) return n;
  throw new Error(`expected ?${name}= to be a whole number from 1, got "${text}": correct the address.`);
}
