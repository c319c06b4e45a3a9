import { describe, expect, test } from 'vitest';
import { ask, deny, inquire, type Statement, shorten, tell } from '../../demo/world.ts';

const dogs: Statement = {
  subject: { text: 'the old dogs', plural: true },
  predicate: { kind: 'like', verb: 'like', rest: 'cake' },
};
const tom: Statement = { subject: { text: 'Tom', plural: false }, predicate: { kind: 'have', verb: 'have', rest: 'a red ball' } };
const hen: Statement = { subject: { text: 'the hen', plural: false }, predicate: { kind: 'can', verb: 'can', rest: 'swim' } };
const both: Statement = {
  subject: { text: 'Mia and Ben', plural: true },
  predicate: { kind: 'place', verb: 'be', rest: 'at the lake' },
};

describe('a statement can be', () => {
  test.each([
    ['told', tell, ['The old dogs like cake.', 'Tom has a red ball.', 'The hen can swim.', 'Mia and Ben are at the lake.']],
    [
      'asked',
      ask,
      ['Do the old dogs like cake?', 'Does Tom have a red ball?', 'Can the hen swim?', 'Are Mia and Ben at the lake?'],
    ],
    [
      'denied',
      deny,
      [
        'The old dogs do not like cake.',
        'Tom does not have a red ball.',
        'The hen cannot swim.',
        'Mia and Ben are not at the lake.',
      ],
    ],
    [
      'inquired about',
      inquire,
      ['What do the old dogs like?', 'What does Tom have?', 'What can the hen do?', 'Where are Mia and Ben?'],
    ],
    ['shortened', shorten, ['The dogs like cake.', 'Tom has a ball.', 'The hen can swim.', 'Mia and Ben are at the lake.']],
  ] as const)('%s', (_, say, expected) => {
    expect([dogs, tom, hen, both].map(say)).toEqual(expected);
  });
});
