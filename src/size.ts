/** Sizes of memory as people write them: 6GB, 512 MiB, 800000000. */

const SIZE = /^(\d+(?:\.\d+)?|\.\d+)\s*([kmgt]?)(i?)b?$/i;

/** Whether a text is a size above zero. */
export function looksLikeSize(text: string): boolean {
  return SIZE.test(text.trim()) && parseSize(text) >= 1;
}

/** Bytes of a size: K, M, G, T are powers of 1000, Ki, Mi, Gi, Ti of 1024. */
export function parseSize(text: string): number {
  const [, digits, unit, binary] = text.trim().match(SIZE)!;
  return Math.floor(Number(digits) * (binary ? 1024 : 1000) ** ' kmgt'.indexOf(unit.toLowerCase() || ' '));
}
