// What a source text says, its comments left out: imports, and names of runtimes, methods, flags and places. No test in here.
import { METHOD_NAMES } from '../src/methods/index.ts';

/** Specifiers of static, dynamic and re-exporting imports. Strings and comments that look like one are none. */
export function imports(text: string): { specifier: string; type: boolean }[] {
  const strings: string[] = [];
  const code = mask(text, (s) => `'${strings.push(s) - 1}'`);
  const pattern = /\b(?:import|export)\s+(type\s)?(?:[\w\s{},*$]*?\bfrom\s*)?'(\d+)'|\bimport\(\s*'(\d+)'/g;
  return [...code.matchAll(pattern)].map(([, type, fixed, dynamic]) => ({
    specifier: strings[Number(fixed ?? dynamic)],
    type: Boolean(type),
  }));
}

/** Names of one runtime in code: identifiers, those names as whole strings, node: modules. Prose and comments are free. */
export function runtimeNames(text: string): string[] {
  const code = mask(text, (s) => (/^(navigator|Deno|process)$/.test(s) ? s : s.startsWith('node:') ? 'node_module' : ''));
  return [...code.matchAll(/\b(navigator|Deno|process|node_module)\b/g)].map(([name]) => name.replace('node_module', 'node:'));
}

/** Flags in strings, but those of other programs. */
export function flagNames(text: string): string[] {
  const found: string[] = [];
  const see = (content: string) => {
    for (const [name] of content.replace('llama-gguf-split --merge', '').matchAll(/(?<![\w-])--[a-z][a-z-]*/g)) found.push(name);
    return '';
  };
  mask(text, see, see);
  return found;
}

/** Names of methods as whole strings. */
export function methodNames(text: string): string[] {
  const code = mask(text, (s) => (METHOD_NAMES.includes(s) ? ` method:${s} ` : ''));
  return [...code.matchAll(/ method:(\S+) /g)].map(([, name]) => name);
}

/** Absolute paths below a home, root, work or temporary folder. */
export function machinePaths(text: string): string[] {
  return [...text.matchAll(/(?<![\w./])\/(work|root|home|Users|tmp|mnt)\/\w+/g)].map(([path]) => path);
}

/** Code without comments, with each string replaced by what `keep` makes of its content; of a template only ${...} is code, the rest `words`. */
function mask(text: string, keep: (content: string) => string, words: (content: string) => void = () => {}): string {
  const token = /\/\/.*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;
  return text.replace(token, (t) => {
    if (t[0] === '/') return ' ';
    if (t[0] === '`' && t.includes('${')) words(t.replaceAll(/\$\{[^}]*\}/g, ''));
    if (t[0] === '`' && t.includes('${'))
      return [...t.matchAll(/\$\{([^}]*)\}/g)].map(([, c]) => ` ${mask(c, keep, words)} `).join('');
    return keep(t.slice(1, -1));
  });
}
