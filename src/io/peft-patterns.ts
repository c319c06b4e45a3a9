// rank_pattern and alpha_pattern of PEFT: values for the modules that a regular expression names. What they are for is adapter-peft.ts.

/**
 * The modules that have a value of their own: of the first key that, read as a regular expression, is the module's name or an end of it
 * behind a dot. Keys that are none, or that could take for ever, are an error naming the option.
 */
export function byModule(pattern: Record<string, number>, modules: Iterable<string>, option: string): Map<string, number> {
  const names = [...modules];
  const keys = Object.entries(pattern).map(([key, value]) => [expression(key, option), value] as const);
  const longest = names.reduce((most, name) => Math.max(most, name.length), 0);
  const [worst] = Object.keys(pattern).sort((a, b) => waysOf(b, longest) - waysOf(a, longest));
  const ways = Object.keys(pattern).reduce((sum, key) => sum + waysOf(key, longest), 0) * names.length;
  if (ways > MOST_WAYS) refuse(option, worst, 'by expressions without repeated groups and with few repetitions');
  return new Map(
    names.flatMap((name) => {
      const found = keys.find(([key]) => key.test(name));
      return found ? [[name, found[1]] as const] : [];
    }),
  );
}

/** Some ten seconds of an engine that tries them one by one. */
const MOST_WAYS = 2e9;

// Python's: by the flag u what JavaScript reads otherwise is an error, not another expression.
function expression(key: string, option: string): RegExp {
  try {
    return new RegExp(`^(.*\\.)?(${key})$`, 'u');
  } catch {
    return refuse(option, key, 'by module names, or regular expressions that Python and JavaScript share');
  }
}

/** In how many ways an expression can be laid over a name, at most: each repetition at any length, each group by any alternative. */
function waysOf(key: string, length: number): number {
  const plain = key.replace(/\\.|\[(?:\\.|[^\]])*\]/gu, 'x').replaceAll('(?:', '(');
  if (/\)[*+{]/.test(plain)) return Number.POSITIVE_INFINITY;
  const open = [1];
  let alternatives = 1;
  for (const c of plain) {
    if (c === '(') open.push(1);
    if (c === '|') open[open.length - 1]++;
    if (c === ')') alternatives *= open.pop()!;
  }
  const count = (of: RegExp) => plain.match(of)?.length ?? 0;
  return (length + 1) ** (1 + count(/[*+{]/g)) * 2 ** count(/\?/g) * alternatives * open[0];
}

function refuse(option: string, key: string, expected: string): never {
  throw new Error(
    `expected modules in ${option} of adapter_config.json to be named ${expected}, got ${JSON.stringify(key)}; write the modules' own names`,
  );
}
