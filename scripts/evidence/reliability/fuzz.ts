// Files changed at random, as many of each kind as asked; a line of JSON a kind. See ../fuzz.mjs.
import fc from 'fast-check';
import { attempt, faultOf, KINDS } from '../../../test/fuzz/kinds.ts';
import { mutation } from '../../../test/fuzz/mutate.ts';

const [count, seed] = process.argv.slice(2).map(Number);
const each = Math.ceil(count / Object.keys(KINDS).length);
for (const [name, kind] of Object.entries(KINDS)) {
  const sound = await kind.sound();
  const found = { kind: name, cases: 0, refused: 0, longest: 0, faults: [] as string[] };
  for (const change of fc.sample(mutation, { numRuns: each, seed })) {
    const bytes = change(sound);
    const ended = await attempt(kind, bytes);
    const fault = faultOf(bytes, ended);
    found.cases++;
    if (ended.refused) found.refused++;
    found.longest = Math.max(found.longest, ended.ms);
    if (fault && found.faults.length < 5) found.faults.push(`case ${found.cases}, seed ${seed}: ${fault}`);
  }
  console.log(JSON.stringify(found));
}
