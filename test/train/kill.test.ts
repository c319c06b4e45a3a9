// Runs killed with SIGKILL at random moments go on to the bytes of runs that never were. A few here; a hundred by
// `npm run evidence kills`.
import { expect, test } from 'vitest';
import { kills } from './kills.ts';

const SEED = Number(process.env.BLOCKTUNE_SEED ?? 1);

test('three kills', async () => {
  let n = 0;
  for await (const kill of kills(3, SEED)) {
    expect(kill, `seed ${SEED}`).toMatchObject({ equal: true, error: undefined });
    n++;
  }
  expect(n).toBe(3);
});
