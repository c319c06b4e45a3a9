// One answer as text: its tokens spelled as they come, ended by a stop text, with their log-probabilities where they are wanted.

import { answerRow, type OpenModel, type Speller, speller, type Told } from '../../parts.ts';
import type { Service } from './service.ts';
import { stopper } from './stops.ts';

/** An answer to be made. */
export interface Speech {
  model: string;
  ids: ArrayLike<number>;
  seed: number;
  temperature: number;
  top_p: number;
  /** Tokens at most. */
  most: number;
  /** Likeliest tokens told of beside each; undefined: no log-probabilities. */
  wanted?: number;
  stops: readonly string[];
  /** The text goes on from the prompt's, or begins anew (a turn of a chat). */
  continued: boolean;
  /** The whole answer, where it is known already. */
  first?: Told;
  signal: AbortSignal;
}

/** A token with its log-probability, by a name that no other token of the place has; `at`: where in the text it begins. */
export interface Word {
  name: string;
  logprob: number;
  top: [name: string, logprob: number][];
  at: number;
}

export interface Spoken {
  finish: 'stop' | 'length';
  tokens: number;
}

/** Makes an answer; what is sure of its text, and the words that it is of, is told as it comes. */
export async function speak(s: Service, who: unknown, o: Speech, tell: (text: string, words: Word[]) => void): Promise<Spoken> {
  const { tokenizer } = s.opened;
  const before = o.continued ? o.ids : [];
  const [spell, names] = [speller(tokenizer, before), speller(tokenizer, before, false)];
  const stop = stopper(o.stops);
  let [tokens, length, told] = [0, 0, 0];
  let finish: Spoken['finish'] = 'length';
  let words: Word[] = [];
  const say = (text: string, kept: (word: Word) => boolean) => {
    told += text.length;
    const ready = words.filter(kept);
    words = words.filter((word) => !kept(word));
    if (text || ready.length) tell(text, ready);
  };
  const each = (token: Told): boolean => {
    tokens++;
    if (o.wanted !== undefined) words.push(wordOf(s.opened, names, token, o.wanted, length));
    if (s.desk.eos.includes(token.id)) {
      finish = 'stop';
      return true;
    }
    const piece = spell.next(token.id);
    length += piece.length;
    const { text, ended } = stop.push(piece);
    if (ended) finish = 'stop';
    say(text, ended ? (word) => word.at < told : (word) => word.at < told && length === told);
    if (ended) words = [];
    return ended;
  };
  if (o.first) each(o.first);
  else await answerRow(s.desk, who, { ...o, wanted: o.wanted ?? 0, each });
  // a stop text may yet have been in what was held back, but for its end
  const last = stop.push(spell.rest());
  if (last.ended) finish = 'stop';
  say(last.text + stop.rest(), () => true);
  return { finish, tokens };
}

/** What is told of a token, in words. */
export function wordOf({ files }: OpenModel, names: Speller, { id, logprob, top }: Told, wanted: number, at: number): Word {
  const name = (of: number) => {
    const text = names.gain(of);
    // a part of a character is no text, and neither is what only stands for one
    return text === '' || text.includes('\uFFFD') ? `token_id:${of}` : text;
  };
  const own = name(id);
  const taken = new Map([[own, id]]);
  const named = top.slice(0, Math.min(wanted, files.config.vocab_size)).map(([of, x]): [string, number] => {
    const text = name(of);
    const unique = (taken.get(text) ?? of) === of ? text : `token_id:${of}`;
    taken.set(unique, of);
    return [unique, x];
  });
  names.next(id);
  return { name: own, logprob, top: named, at };
}
