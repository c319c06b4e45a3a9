// node scripts/docs.mjs [--check]: writes docs/library.md from the docstrings and declared types of what src/index.ts exports.
// With --check it writes nothing and fails where the file is out of date, or an export has no docstring.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(root, 'docs/library.md');
const types = mkdtempSync(join(tmpdir(), 'blocktune-docs-'));

try {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '--project', 'scripts/build/types.json', '--outDir', types], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  const page = pageOf(readFileSync(join(root, 'src/index.ts'), 'utf8'));
  if (!process.argv.includes('--check')) writeFileSync(out, page);
  else if (page !== readFileSync(out, 'utf8'))
    throw new Error('expected docs/library.md as src/index.ts says it, got another. Run: npm run docs');
} catch (e) {
  console.error(`docs: ${e.message}`);
  process.exitCode = 1;
} finally {
  rmSync(types, { recursive: true, force: true });
}

/** The page: what the face says of itself, then its exports in its order, under its own comments as headings. */
function pageOf(index) {
  const parts = ['# The library', '', '<!-- made by `npm run docs` from src/index.ts: change the docstrings there -->'];
  const without = [];
  for (const { heading, name, from } of exportsOf(index)) {
    if (heading) parts.push('', `## ${heading}`);
    const { doc, code } = declared(name, from);
    if (!doc) without.push(name);
    parts.push('', `### ${name}`, '', ...(doc ? [doc, ''] : []), '```ts', code, '```');
  }
  if (without.length) throw new Error(`expected a docstring for every export, got none for ${without.join(', ')}: write them`);
  return `${parts.join('\n')}\n`;
}

/** Exports in their order: name inside its file, the file, and the comment that stands before it as a heading. */
function exportsOf(index) {
  const found = [];
  let heading = '';
  const pattern =
    /^\/\/ (?<comment>.*)$|^export (?:type )?\{(?<names>[^}]*)\} from '(?<from>[^']+)';|^export (?:async )?(?:function|interface|type|const) (?<own>\w+)/gm;
  const body = index.replace(/^(\/\/.*\n)+/, ''); // what the file says of itself at its top
  for (const { groups } of body.matchAll(pattern)) {
    const { comment, names, from = './index.ts', own } = groups;
    if (comment !== undefined) {
      heading = comment;
      continue;
    }
    for (const word of (names ?? own).split(',').flatMap((w) => w.trim() || [])) {
      const [name] = word.replace(/^type /, '').split(' as ');
      found.push({ heading, name, from });
      heading = '';
    }
  }
  return found;
}

/** The docstring of a name and its declaration, from the declared types of its file, or of the file that this one has it from. */
function declared(name, from) {
  const path = posix.normalize(from).replace(/\.[tj]s$/, '.d.ts');
  const text = readFileSync(join(types, path), 'utf8');
  const again = [...text.matchAll(/^export (?:type )?\{([^}]*)\} from '([^']+)';/gm)].find(([, names]) =>
    names.split(',').some((w) => w.trim().replace(/^type /, '') === name),
  );
  if (again) return declared(name, `./${posix.join(posix.dirname(path), again[2])}`);
  const pattern = new RegExp(
    `(?:/\\*\\*((?:[^*]|\\*(?!/))*)\\*/\\n)?^export (?:declare )?(?=(function|interface|type|const) ${name}\\b)`,
    'gm',
  );
  const all = [...text.matchAll(pattern)];
  if (!all.length) throw new Error(`expected ${name} in ${from}, got no declaration of it`);
  const doc = all.map(([, words]) => words && prose(words)).find(Boolean);
  return { doc, code: all.map((m) => toItsEnd(text.slice(m.index + m[0].length), m[2])).join('\n') };
}

/** A docstring without its stars; its lines flow. */
function prose(comment) {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*\*? ?/, '').trim())
    .join(' ')
    .trim();
}

/** A declaration to its end: an interface to the brace that closes it, others to the first semicolon outside of all brackets. */
function toItsEnd(text, kind) {
  const lines = text.split('\n');
  if (kind === 'interface') lines.length = lines.indexOf('}') + 1;
  else {
    let open = 0;
    lines.length =
      lines.findIndex((line) => {
        const code = line.replace(/\/\*\*.*?\*\/|^\s*\*.*/g, ''); // a comment's brackets count for nothing
        open += (code.match(/[{([]/g) ?? []).length - (code.match(/[})\]]/g) ?? []).length;
        return open === 0 && code.endsWith(';');
      }) + 1;
  }
  return lines.join('\n').replace(/^( {4})+/gm, (spaces) => ' '.repeat(spaces.length / 2));
}
