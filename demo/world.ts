// The small world that the built-in model knows, and the grammar to speak about it: who there is, what can be said of
// them, and how a statement becomes a question or a denial. Not the rows of a data set: those are made in corpus.ts.
import { chance, pair, pick, type Random } from './random.ts';

/** Who a sentence is about: "Tom", "Mia and Ben", "the small dogs". */
export type Subject = { text: string; plural: boolean };
/** What is said: verb "like", rest "apples". `kind` decides which question fits. */
export type Predicate = { kind: Kind; verb: string; rest: string };
export type Statement = { subject: Subject; predicate: Predicate };
export type Kind = 'place' | 'mood' | 'can' | 'like' | 'want' | 'have' | 'see' | 'act';

/** Known from the pretraining text, but in no lesson of the new skill: every second held-out prompt is about them. */
export const newcomers = { names: ['Ruby', 'Finn'], animals: ['fox', 'owl'] };
export const locals = {
  names: ['Tom', 'Mia', 'Ben', 'Anna', 'Leo', 'Zoe', 'Sam', 'Lily', 'Max', 'Ella'],
  animals: ['dog', 'cat', 'cow', 'duck', 'hen', 'frog', 'horse', 'pig'],
};
export const everyone = {
  names: [...locals.names, ...newcomers.names],
  animals: [...locals.animals, ...newcomers.animals],
};
export type Cast = typeof everyone;

const adjectives = ['small', 'big', 'old', 'young', 'brown', 'white'];
const colours = ['red', 'blue', 'green', 'yellow', 'black', 'white'];
const things = ['ball', 'kite', 'boat', 'book', 'hat', 'cup', 'box', 'drum'];
const places = [
  'in the park',
  'in the garden',
  'in the kitchen',
  'in the forest',
  'at the lake',
  'at the shop',
  'at the window',
  'on the hill',
  'on the bridge',
  'under the tree',
];
const moods = ['happy', 'sad', 'tired', 'hungry', 'cold', 'wet', 'busy', 'late'];
const abilities = ['swim', 'run', 'jump', 'sing', 'dance', 'climb', 'draw', 'paint'];
const foods = ['apples', 'plums', 'nuts', 'carrots', 'soup', 'bread', 'cake', 'cheese', 'honey', 'rice'];
const acts = ['ask a question', 'tell a story', 'sing a song', 'make a cake', 'read a book', 'draw a map', 'open the door'];
const thirdPerson: Record<string, string> = {
  like: 'likes',
  want: 'wants',
  have: 'has',
  see: 'sees',
  ask: 'asks',
  tell: 'tells',
  sing: 'sings',
  make: 'makes',
  read: 'reads',
  draw: 'draws',
  open: 'opens',
};

const kinds: Kind[] = ['place', 'mood', 'can', 'like', 'want', 'have', 'see', 'act'];

/** A statement about someone of the cast. */
export function statement(rng: Random, cast: Cast, kind = pick(rng, kinds)): Statement {
  const about = subject(rng, cast);
  for (;;) {
    const said = predicate(rng, cast, kind);
    const self = said.kind === 'see' && about.text.includes(said.rest.replace('the ', ''));
    if (!self) return { subject: about, predicate: said };
  }
}

// "Tom", "Mia and Ben", "the dog", "the small dogs".
function subject(rng: Random, cast: Cast): Subject {
  if (chance(rng, 40)) return { text: pick(rng, cast.names), plural: false };
  if (chance(rng, 25)) return { text: pair(rng, cast.names).join(' and '), plural: true };
  const plural = chance(rng, 40);
  const animal = pick(rng, cast.animals);
  const noun = plural ? plurals(animal) : animal;
  return { text: chance(rng, 50) ? `the ${noun}` : `the ${pick(rng, adjectives)} ${noun}`, plural };
}

// Something of that kind to say.
function predicate(rng: Random, cast: Cast, kind: Kind): Predicate {
  const thing = () => `a ${pick(rng, colours)} ${pick(rng, things)}`;
  if (kind === 'place') return { kind, verb: 'be', rest: pick(rng, places) };
  if (kind === 'mood') return { kind, verb: 'be', rest: pick(rng, moods) };
  if (kind === 'can') return { kind, verb: 'can', rest: pick(rng, abilities) };
  if (kind === 'see') return { kind, verb: 'see', rest: `the ${pick(rng, cast.animals)}` };
  if (kind === 'like') return { kind, verb: 'like', rest: pick(rng, foods) };
  if (kind === 'have' || kind === 'want') return { kind, verb: kind, rest: thing() };
  const [verb, ...rest] = pick(rng, acts).split(' ');
  return { kind, verb: verb!, rest: rest.join(' ') };
}

/** "The dog likes cake." */
export function tell({ subject, predicate: { verb, rest } }: Statement): string {
  return capital(`${subject.text} ${finite(verb, subject.plural)} ${rest}.`);
}

/** "Does the dog like cake?" */
export function ask({ subject, predicate: { verb, rest } }: Statement): string {
  return capital(`${auxiliary(verb, subject.plural)} ${subject.text} ${bare(verb)}${rest}?`);
}

/** "The dog does not like cake." */
export function deny({ subject, predicate: { verb, rest } }: Statement): string {
  const aux = auxiliary(verb, subject.plural);
  return capital(`${subject.text} ${aux === 'can' ? 'cannot' : `${aux} not`} ${bare(verb)}${rest}.`);
}

/** "The dog has a ball." for "The small dog has a red ball." */
export function shorten(s: Statement): string {
  const spare = new Set([...adjectives, ...colours]);
  const words = tell(s).split(' ');
  return words.filter((word, i) => i === words.length - 1 || !spare.has(word)).join(' ');
}

/** The question that the statement answers: "What does the dog like?" */
export function inquire({ subject, predicate: { kind, verb } }: Statement): string {
  const aux = auxiliary(verb, subject.plural);
  if (kind === 'place') return `Where ${aux} ${subject.text}?`;
  if (kind === 'mood') return `How ${aux} ${subject.text}?`;
  if (kind === 'can' || kind === 'act') return `What ${aux} ${subject.text} do?`;
  return `What ${aux} ${subject.text} ${verb}?`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function finite(verb: string, plural: boolean): string {
  if (verb === 'can') return 'can';
  if (verb === 'be') return plural ? 'are' : 'is';
  return plural ? verb : thirdPerson[verb]!;
}

// The word that moves to the front: "is", "can", or a "does" that was not there before.
function auxiliary(verb: string, plural: boolean): string {
  if (verb === 'be' || verb === 'can') return finite(verb, plural);
  return plural ? 'do' : 'does';
}

function bare(verb: string): string {
  return verb === 'be' || verb === 'can' ? '' : `${verb} `;
}

function plurals(animal: string): string {
  return animal === 'fox' ? 'foxes' : `${animal}s`;
}
