// Where the chosen blocks of a matrix lie, as the kernels read it: lists of words, one behind the other.

export interface Places {
  words: Uint32Array<ArrayBuffer>;
  rowGroups: { at: number; n: number };
  colEntries: number;
  colGroups: { at: number; n: number };
  /** Block row and column of each block. */
  where: number;
  /** For each 32 blocks of the matrix, row by row: which are chosen, as bits, and how many were before. */
  map: number;
}

/** Words of the lists of n blocks among `of`: the same whichever blocks they are, so that a plan needs only their number. */
export const wordsFor = (n: number, of: number) => 11 * n + 2 * Math.ceil(of / 32);

/** The lists of blocks sorted by row, then column, of a matrix of `down` by `across` blocks. */
export function placesOf(sorted: (readonly [number, number])[], down: number, across: number): Places {
  const n = sorted.length;
  const words = new Uint32Array(wordsFor(n, down * across));
  const [rowGroupsAt, colEntries, colGroupsAt, where, map] = [n, 4 * n, 6 * n, 9 * n, 11 * n];
  const byColumn = sorted.map(([row, col], block) => ({ row, col, block })).sort((a, c) => a.col - c.col || a.row - c.row);
  sorted.forEach(([row, col], i) => {
    words[i] = col;
    words[where + 2 * i] = row;
    words[where + 2 * i + 1] = col;
    words[colEntries + 2 * i] = byColumn[i].block;
    words[colEntries + 2 * i + 1] = byColumn[i].row;
  });
  const rowGroups = { at: rowGroupsAt, n: groups(words, rowGroupsAt, n, (i) => sorted[i][0]) };
  const colGroups = { at: colGroupsAt, n: groups(words, colGroupsAt, n, (i) => byColumn[i].col) };
  mapOf(sorted, across, words.subarray(map));
  return { words, rowGroups, colEntries, colGroups, where, map };
}

/** Pairs of words: which of 32 blocks are chosen, and how many were before. */
function mapOf(sorted: (readonly [number, number])[], across: number, map: Uint32Array): void {
  for (const [row, col] of sorted) {
    const block = row * across + col;
    map[2 * Math.floor(block / 32)] |= 1 << (block % 32);
  }
  let before = 0;
  for (let i = 0; i < map.length; i += 2) {
    map[i + 1] = before;
    for (let bits = map[i]; bits; bits &= bits - 1) before++;
  }
}

/** Writes (key, first, end) for each run of equal keys among n and returns their number. */
function groups(words: Uint32Array, at: number, n: number, key: (i: number) => number): number {
  let count = 0;
  for (let i = 0; i < n; i++) {
    if (!i || key(i - 1) !== key(i)) {
      const to = at + 3 * count++;
      words[to] = key(i);
      words[to + 1] = i;
    }
    words[at + 3 * count - 1] = i + 1;
  }
  return count;
}
