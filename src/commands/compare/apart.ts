// What of a recipe must differ: two methods that one file would keep, or one run asked for twice. And what a run is kept as.

/** What the row of the base itself is called. */
export const BASE = 'untrained';

/** What a run is kept as: its name, size, rate and seed in letters a to z, digits, '.', '+' and '-'. */
export const idOf = (...parts: (string | number | null)[]) =>
  parts
    .filter((p) => p !== null)
    .join(' ')
    .toLowerCase()
    .replace('%', 'pct')
    .replace(/[^a-z0-9.+-]+/g, '-');

/** The first of some values that stands twice, in the words it has the second time; same: what makes two of them one. */
export function twiceIn<T>(values: readonly T[], same: (value: T) => string = String): T | undefined {
  const seen = new Set<string>();
  return values.find((value) => seen.size === seen.add(same(value)).size);
}

/** What is alike in a list of methods, or undefined; sizesOf: those that a method runs at, null for its own. */
export function alikeMethods<M extends { name: string }>(
  methods: M[],
  sizesOf: (method: M) => (string | null)[],
): string | undefined {
  const names = new Set<string>();
  const files = new Map<string, string>();
  for (const method of methods) {
    const { name } = method;
    if (name === BASE) return `a method is called ${BASE}, as the row of the base is; name it otherwise`;
    if (names.has(name)) return `two methods are called ${name}; name them apart`;
    names.add(name);
    for (const size of sizesOf(method)) {
      const file = idOf(name, size, ''); // with what parts it from the rate
      const other = files.get(file);
      if (other !== undefined)
        return `${other} and ${name} would be kept in the same files, ${file}...; name them apart by letters a to z or digits`;
      files.set(file, name);
    }
  }
  return undefined;
}
