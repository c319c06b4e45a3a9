// Stop strings in a text that comes in pieces: it ends before the first that is whole, and what may become one is held back.

export interface Stopper {
  /** The text that is sure by now; ended: a stop string came. */
  push(piece: string): { text: string; ended: boolean };
  /** What was held back, at the end. */
  rest(): string;
}

export function stopper(stops: readonly string[]): Stopper {
  let held = '';
  return {
    push(piece) {
      held += piece;
      const at = Math.min(...stops.map((stop) => held.indexOf(stop)).map((i) => (i < 0 ? Number.POSITIVE_INFINITY : i)));
      const ended = Number.isFinite(at);
      const sure = ended ? at : held.length - longestStart(held, stops);
      const text = held.slice(0, sure);
      held = ended ? '' : held.slice(sure);
      return { text, ended };
    },
    rest: () => held,
  };
}

/** Characters at the end of a text that a stop string may begin with. */
function longestStart(text: string, stops: readonly string[]): number {
  let most = 0;
  for (const stop of stops)
    for (let n = Math.min(stop.length - 1, text.length); n > most; n--) if (text.endsWith(stop.slice(0, n))) most = n;
  return most;
}
