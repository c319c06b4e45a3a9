/** Sizes of memory as people write them: 6GB, 512 MiB, 800000000. */

const SIZE = /^(\d+(?:\.\d+)?|\.\d+)\s*([kmgt]?)(i?)b?$/i;

/** Whether a text is a size above zero. */
export function looksLikeSize(text: string): boolean {
  return SIZE.test(text.trim()) && parseSize(text) >= 1;
}

/** Bytes in decimal units with three digits: 34.2 MB. */
export function sizeOf(bytes: number): string {
  const unit = Math.max(0, Math.min(4, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return unit === 0 ? `${bytes} bytes` : `${Number((bytes / 1000 ** unit).toPrecision(3))} ${'KMGT'[unit - 1]}B`;
}

/** Bytes of a size: K, M, G, T are powers of 1000, Ki, Mi, Gi, Ti of 1024. */
export function parseSize(text: string): number {
  const [, digits, unit, binary] = text.trim().match(SIZE)!;
  return Math.floor(Number(digits) * (binary ? 1024 : 1000) ** ' kmgt'.indexOf(unit.toLowerCase() || ' '));
}
