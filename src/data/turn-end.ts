/**
 * Where an assistant turn ends in the text of a conversation: after its end mark, as a conversation that ends with the turn
 * has it. Where it begins is chat.ts.
 */
import { agree, around, type Followed, likeness, lost, nextOf, parted } from './follow.ts';

/** Where a turn ends, and whether without an end mark; white space after the mark is none of it. */
export function endOf(turn: number, from: number, followed: Followed, eos: string): { to: number; open: boolean } {
  const { messages, text, ends, afters } = followed;
  const { closes } = around(turn, followed);
  const at = Math.max(from, closes ?? from);
  const next = nextOf(turn, at, followed);
  const rest = text.slice(at, next?.at ?? text.length);
  const ended = (length: number) => ({ to: at + length, open: length === 0 });
  if (turn === messages.length - 1) {
    const mark = ownEnd(rest.trimEnd(), turn, followed, eos);
    if (mark === undefined) throw lost(turn, 'it writes the start of another turn after it, whether that is asked for or not');
    return ended(mark.length);
  }

  const key = JSON.stringify(likeness(messages[turn], closes !== undefined));
  const known = ends.get(key);
  if (known && rest.startsWith(known)) return ended(known.length);
  // another call, the same text before the next message
  const nextKey = JSON.stringify([closes !== undefined, next && next.message - turn, likeness(messages[turn + 1], true)]);
  const after = afters.get(nextKey);
  if (after && rest.endsWith(after)) return ended(rest.length - after.length);

  const mark = endMark(turn, from, rest, followed, eos) ?? lastMark(rest, followed, eos);
  if (mark === undefined && eos !== '' && rest.startsWith(eos)) return ended(eos.length);
  if (mark === undefined) throw lost(turn, 'it ends otherwise there than where the conversation ends with it');
  ends.set(key, mark);
  if (next && mark !== '') afters.set(nextKey, rest.slice(mark.length));
  return ended(mark.length);
}

/**
 * The turn's own part of what ends a conversation: through the tokenizer's end, where the model stops, else all of it;
 * undefined where the template asks for the next turn unasked.
 */
function ownEnd(tail: string, turn: number, followed: Followed, eos: string): string | undefined {
  const at = eos === '' ? -1 : tail.indexOf(eos);
  if (at !== -1) return tail.slice(0, at + eos.length);
  if (followed.prompt() !== '' || tail === '') return tail;
  // without a generation prompt to know it by: it is there before any next turn, and after a question too
  const { messages, upTo } = followed;
  const before = messages.slice(0, turn + 1).findLastIndex(({ role }) => role !== 'assistant');
  try {
    if (upTo(turn + 1, false, true).text.startsWith(upTo(turn + 1, false).text.trimEnd())) return tail;
    return before >= 0 &&
      upTo(before + 1, true)
        .text.trimEnd()
        .endsWith(tail.slice(-4))
      ? undefined
      : tail;
  } catch {
    return tail;
  }
}

/** What a conversation that ends with the turn has after its content, as far as the whole has it too. */
function endMark(turn: number, from: number, rest: string, followed: Followed, eos: string): string | undefined {
  const { closes, anchor } = around(turn, followed);
  let through: ReturnType<Followed['upTo']>;
  try {
    through = followed.upTo(turn + 1, false);
  } catch {
    return undefined; // a template may refuse a conversation that ends there
  }
  if (closes !== undefined) {
    const at = through.edges.findLast((edge) => edge.message === turn && !edge.opens)?.at;
    if (at === undefined) return undefined;
    const tail = ownEnd(through.text.slice(at).trimEnd(), turn, followed, eos);
    if (tail === undefined) return undefined;
    return rest.startsWith(tail) ? tail : sharedEnd(tail, rest);
  }
  // no content to hold on to: the longest end of it that the whole has there (some write a last turn with more before it)
  const begins = anchor ? through.edges.findLast((edge) => edge.message === anchor.message && !edge.opens)?.at : 0;
  if (begins === undefined) return undefined;
  const tail = ownEnd(through.text.slice(begins + from - (anchor?.at ?? 0)).trimEnd(), turn, followed, eos);
  if (tail === undefined || tail === '') return tail;
  for (let i = 0; i < tail.length; i++) if (rest.startsWith(tail.slice(i))) return tail.slice(i);
  return sharedEnd(tail, rest);
}

/** The mark that ends the conversation's last turn, where it ends this one too. */
function lastMark(rest: string, { messages, of, text }: Followed, eos: string): string | undefined {
  const closes = of.get(messages.length - 1)?.findLast((edge) => !edge.opens)?.at;
  if (messages.at(-1)!.role !== 'assistant' || closes === undefined) return undefined;
  const tail = text.slice(closes).trimEnd();
  const mark = eos !== '' && tail.includes(eos) ? tail.slice(0, tail.indexOf(eos) + eos.length) : tail;
  return mark !== '' && rest.startsWith(mark) ? mark : undefined;
}

/** What ends the turn in both: what ends the conversation beside it (an eos after all) is not there yet. */
const sharedEnd = (tail: string, rest: string) => rest.slice(0, parted(tail, agree(tail, rest))).trimEnd() || undefined;
