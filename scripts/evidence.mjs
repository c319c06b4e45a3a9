#!/usr/bin/env node
// Evidence: runs that take minutes and end in a page under docs/, by name. None is part of npm test.
//     npm run evidence PART
import { readdirSync } from 'node:fs';

const parts = readdirSync(new URL('./evidence/', import.meta.url))
  .filter((name) => name.endsWith('.mjs'))
  .map((name) => name.slice(0, -4));
const [part, ...words] = process.argv.slice(2);
if (!parts.includes(part)) {
  console.error(`evidence: expected one of ${parts.join(' ')}, got ${part ?? 'nothing'}`);
  process.exit(2);
}
const { run } = await import(`./evidence/${part}.mjs`);
process.exitCode = await run(words);
