// A queue in which those who ask take turns: whoever asks for much waits for himself, not for others.

/** What waits, by who asks, in the order of their turns. */
export type Fair<T> = Map<unknown, T[]>;

export const newFair = <T>(): Fair<T> => new Map();

/** Puts a thing behind what the same one has asked for before. */
export function put<T>(q: Fair<T>, who: unknown, thing: T): void {
  const own = q.get(who);
  if (own) own.push(thing);
  else q.set(who, [thing]);
}

/** Takes the next thing that fits from the first whose turn it is and who has one at the head; that one's next turn is after all others'. */
export function take<T>(q: Fair<T>, fits: (thing: T) => boolean = () => true): T | undefined {
  for (const [who, own] of q) {
    if (!fits(own[0])) continue;
    q.delete(who);
    const thing = own.shift()!;
    if (own.length) q.set(who, own);
    return thing;
  }
  return undefined;
}

/** Leaves out what nobody waits for any longer. */
export function sift<T>(q: Fair<T>, keep: (thing: T) => boolean): void {
  for (const [who, own] of q) {
    const left = own.filter(keep);
    if (left.length) q.set(who, left);
    else q.delete(who);
  }
}
