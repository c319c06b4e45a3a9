/**
 * A regular expression that counts its steps: for patterns from files that nobody here has read. Backtracking as JavaScript's own
 * (which cannot be stopped, and takes hours for `(a+)+$` on some forty letters), with an error where a text needs too many steps.
 * Slower than the runtime's; known patterns do not come here. Each single character is still judged by the runtime.
 */

/** Steps that any text may take, and those beside for each of its characters. */
const STEPS = 10_000_000;
const STEPS_A_CHARACTER = 200;
/** Turns of a repeated group within one match: each is a few calls deep. */
const MAX_TURNS = 1000;

/** Matches from a place on; gives the end that the rest (`then`) was content with, or -1. */
type Match = (at: number, then: (at: number) => number) => number;

/** Ranges of a text, one after the other. */
export type Find = (text: string) => Iterable<{ from: number; to: number }>;

/** All matches of an expression (flags g and u), in bounded steps. Throws on syntax that is not followed here. */
export function bounded(expression: RegExp): Find {
  const state = { text: '', left: 0 };
  const match = matcher(expression.source);
  return function* (text) {
    Object.assign(state, { text, left: STEPS + STEPS_A_CHARACTER * text.length });
    for (let at = 0; at <= text.length; ) {
      state.text = text; // another text may have been looked at meanwhile
      const to = match(at, (end) => end);
      if (to >= 0) yield { from: at, to };
      at = to > at ? to : at + width(text, at);
    }
  };

  function step(): void {
    if (--state.left < 0)
      throw new Error(
        `expected a pattern that cuts a text of ${state.text.length} characters in ${STEPS} steps, ` +
          `got one that needs more: ${expression.source.slice(0, 80)}`,
      );
  }

  function matcher(source: string): Match {
    let at = 0;
    const whole = alternatives();
    if (at < source.length) refuse();
    return whole;

    function alternatives(): Match {
      const branches = [sequence()];
      while (source[at] === '|') {
        at++;
        branches.push(sequence());
      }
      if (branches.length === 1) return branches[0];
      return (i, then) => {
        for (const branch of branches) {
          const end = branch(i, then);
          if (end >= 0) return end;
        }
        return -1;
      };
    }

    function sequence(): Match {
      const terms: Match[] = [];
      while (at < source.length && source[at] !== '|' && source[at] !== ')') terms.push(term());
      return terms.reduceRight<Match>(
        (rest, one) => (i, then) => one(i, (j) => rest(j, then)),
        (i, then) => then(i),
      );
    }

    function term(): Match {
      const group = /\((?:\?(?::|<?[=!]|<\w+>))?/y;
      group.lastIndex = at;
      const opens = group.exec(source)?.[0];
      if (opens) {
        at += opens.length;
        const inner = alternatives();
        if (source[at++] !== ')') refuse();
        if (/[=!]$/.test(opens))
          return opens.includes('<') ? behind(inner, opens.endsWith('!')) : ahead(inner, opens.endsWith('!'));
        return repeated(inner, turns());
      }
      if (source[at] === '^' || source[at] === '$' || source.startsWith('\\b', at) || source.startsWith('\\B', at)) return edge();
      const single = character();
      return repeatedCharacter(single, turns());
    }

    function edge(): Match {
      const sign = source[at] === '\\' ? source.slice(at, at + 2) : source[at];
      at += sign.length;
      const word = (c: string | undefined) => c !== undefined && /\w/.test(c);
      return (i, then) => {
        step();
        const { text } = state;
        const there =
          sign === '^' ? i === 0 : sign === '$' ? i === text.length : (word(text[i - 1]) !== word(text[i])) === (sign === '\\b');
        return there ? then(i) : -1;
      };
    }

    /** Whether a character is one of those of the class, escape or letter that follows. */
    function character(): (c: string) => boolean {
      const one =
        /\[(?:[^\]\\]|\\.)*\]|\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|[^1-9k])|[^\\()[\]{}*+?|]/uy;
      one.lastIndex = at;
      const found = one.exec(source)?.[0] ?? refuse();
      at += found.length;
      const flags = expression.flags.replace('g', '');
      const native = new RegExp(`^${found}$`, flags);
      const known = new Map<string, boolean>();
      return (c) => {
        let fits = known.get(c);
        if (fits === undefined) known.set(c, (fits = native.test(c)));
        return fits;
      };
    }

    function turns(): { least: number; most: number; lazy: boolean } {
      const count = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})(\??)/y;
      count.lastIndex = at;
      const found = count.exec(source);
      if (!found) return { least: 1, most: 1, lazy: false };
      at += found[0].length;
      const [, sign, low, comma, high, lazy] = found;
      const least = sign ? (sign === '+' ? 1 : 0) : Number(low);
      const most = sign
        ? sign === '?'
          ? 1
          : Number.POSITIVE_INFINITY
        : comma
          ? Number(high || Number.POSITIVE_INFINITY)
          : least;
      return { least, most, lazy: lazy !== '' };
    }

    function refuse(): never {
      throw new Error(`expected a pattern in syntax that is known here, got ${JSON.stringify(source.slice(at, at + 20))} in it`);
    }
  }

  function ahead(inner: Match, not: boolean): Match {
    return (i, then) => (inner(i, (end) => end) >= 0 === not ? -1 : then(i));
  }

  function behind(inner: Match, not: boolean): Match {
    return (i, then) => {
      let found = false;
      for (let from = i; from >= 0 && !found; from--) found = inner(from, (end) => (end === i ? end : -1)) >= 0;
      return found === not ? -1 : then(i);
    };
  }

  /** A character some times over: its places first, then the rest from the last of them back (or, where lazy, on). */
  function repeatedCharacter(
    fits: (c: string) => boolean,
    { least, most, lazy }: { least: number; most: number; lazy: boolean },
  ): Match {
    return (i, then) => {
      const { text } = state;
      const ends = [i];
      const more = () => {
        step();
        const from = ends[ends.length - 1];
        const c = from < text.length ? text.slice(from, from + width(text, from)) : undefined;
        if (ends.length > most || c === undefined || !fits(c)) return false;
        ends.push(from + c.length);
        return true;
      };
      if (lazy) {
        for (let n = 0; ; n++) {
          const end = n >= least ? then(ends[n]) : -1;
          if (end >= 0) return end;
          if (!more()) return -1;
        }
      }
      while (more());
      for (let n = ends.length - 1; n >= least; n--) {
        const end = then(ends[n]);
        if (end >= 0) return end;
      }
      return -1;
    };
  }

  function repeated(inner: Match, { least, most, lazy }: { least: number; most: number; lazy: boolean }): Match {
    if (least === 1 && most === 1) return inner;
    const from =
      (n: number): Match =>
      (i, then) => {
        step();
        if (n > MAX_TURNS)
          throw new Error(
            `expected a pattern that repeats a group ${MAX_TURNS} times at most: ${expression.source.slice(0, 80)}`,
          );
        const again = () => (n < most ? inner(i, (j) => (j === i && n >= least ? -1 : from(n + 1)(j, then))) : -1);
        if (n < least) return again();
        const first = lazy ? then(i) : again();
        return first >= 0 ? first : lazy ? again() : then(i);
      };
    return from(0);
  }
}

const width = (text: string, at: number) => ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1);
