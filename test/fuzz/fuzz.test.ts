// Files that were sound, changed at random: each is read, or refused in words, soon and without much memory. Some dozens of each kind
// here; ten thousand by `npm run evidence fuzz`.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attempt, faultOf, KINDS } from './kinds.ts';
import { mutation } from './mutate.ts';

test.each(Object.entries(KINDS))('%s', async (_, kind) => {
  const sound = await kind.sound();
  expect((await attempt(kind, sound)).refused).toBeUndefined();
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(mutation, async (change) => {
      const bytes = change(sound);
      const ended = await attempt(kind, bytes);
      if (ended.refused) refused++;
      expect(faultOf(bytes, ended)).toBeUndefined();
    }),
    { numRuns: 40 },
  );
  expect(refused).toBeGreaterThan(0);
});
