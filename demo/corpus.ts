// All text of the demo, made from a seed: what the built-in model is pretrained on, the new skill that the demo teaches
// it, and the prompts that measure both. The words and their grammar are in world.ts, the facts in facts.ts.
//
// Old skills (pretraining): answer a question about a short story, answer a question by heart, and three commands:
//   Say it again: The old dog likes cake.       ->  The old dog likes cake.  (the sentence may be a question, too)
//   Make it short: The old dog likes cake.      ->  The dog likes cake.      (commands drop the adjective)
//   Make it negative: The old dog likes cake.   ->  The old dog does not like cake.
// New skill (task): one command more, which the pretraining text never contains.
//   Make it a question: The old dog likes cake. ->  Does the old dog like cake?
import { facts } from './facts.ts';
import { chance, pick, type Random, random } from './random.ts';
import { ask, type Cast, deny, everyone, inquire, locals, newcomers, type Statement, shorten, statement, tell } from './world.ts';

/** A completion opens with its space, so that prompt + completion reads as one text. */
export type Row = { prompt: string; completion: string };

const heldOutSeed = 20_001;
const oldSkillSeed = 20_002;

/** `n` rows of the old skills, repeats included; none is a story or a command of `oldSkill()`. */
export function pretrainRows(seed: number, n: number): Row[] {
  const rng = random(seed);
  const measured = new Set(oldSkill().map((row) => row.prompt));
  for (const { question } of facts) measured.delete(question);
  return drawn(n, measured, () => oldRow(rng));
}

/**
 * `n` rows to learn from: the new skill, about the locals only, none held out and none twice; every third row rehearses an
 * old skill instead. Without rehearsal the model would ask, whatever it is told to do: nothing says otherwise.
 */
export function taskRows(seed: number, n: number): Row[] {
  const rng = random(seed);
  const measured = heldOut().map((row) => row.prompt);
  const rehearsal = pretrainRows(seed + 1, Math.floor(n / 3));
  const lessons = different(n - rehearsal.length, measured, () => taskRow(statement(rng, locals)));
  return Array.from({ length: n }, (_, i) => (i % 3 === 2 ? rehearsal : lessons).shift()!);
}

/** 64 rows of the new skill, none of them trained on; every second one is about newcomers, who are in no lesson. */
export function heldOut(): Row[] {
  const rng = random(heldOutSeed);
  const about = (cast: Cast) => different(32, [], () => taskRow(statement(rng, cast)));
  const fresh = about(newcomers);
  return about(locals).flatMap((known, i) => [known, fresh[i]!]);
}

/** 64 rows of the old skills: stories and commands that the pretraining text does not contain, facts that it does. */
export function oldSkill(): Row[] {
  const rng = random(oldSkillSeed);
  return different(64, [], () => oldRow(rng));
}

function oldRow(rng: Random): Row {
  if (chance(rng, 60)) return story(rng);
  return chance(rng, 60) ? command(rng) : fact(rng);
}

// Two or three statements about different subjects, then a question about one of them.
function story(rng: Random): Row {
  const statements = differing(rng, chance(rng, 50) ? 2 : 3);
  const about = pick(rng, statements);
  return row(`${statements.map(tell).join(' ')} ${inquire(about)}`, tell(about));
}

function command(rng: Random): Row {
  const s = statement(rng, everyone);
  if (chance(rng, 40)) return echo(pick(rng, [tell, ask, inquire])(s));
  if (chance(rng, 50)) return row(`Make it short: ${tell(s)}`, shorten(s));
  return row(`Make it negative: ${tell(s)}`, deny(s));
}

function echo(sentence: string): Row {
  return row(`Say it again: ${sentence}`, sentence);
}

function fact(rng: Random): Row {
  const { question, answer } = pick(rng, facts);
  return row(question, answer);
}

function taskRow(s: Statement): Row {
  return row(`Make it a question: ${tell(s)}`, ask(s));
}

function row(prompt: string, answer: string): Row {
  return { prompt, completion: ` ${answer}` };
}

// Different subjects, so that "What does the dog like?" has one answer.
function differing(rng: Random, n: number): Statement[] {
  const story = new Map<string, Statement>();
  while (story.size < n) {
    const s = statement(rng, everyone);
    story.set(s.subject.text, s);
  }
  return [...story.values()];
}

function drawn(n: number, forbidden: Set<string>, draw: () => Row): Row[] {
  const rows: Row[] = [];
  while (rows.length < n) {
    const next = draw();
    if (!forbidden.has(next.prompt)) rows.push(next);
  }
  return rows;
}

function different(n: number, forbidden: string[], draw: () => Row): Row[] {
  const rows = new Map<string, Row>();
  while (rows.size < n) {
    const [next] = drawn(1, new Set(forbidden), draw);
    rows.set(next!.prompt, next!);
  }
  return [...rows.values()];
}
