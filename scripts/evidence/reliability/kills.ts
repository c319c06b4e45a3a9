// Kills and resumes, as many as asked; a line of JSON each. See ../kills.mjs.
import process from 'node:process';
import { kills } from '../../../test/train/kills.ts';

const [count, seed] = process.argv.slice(2).map(Number);
for await (const kill of kills(count, seed)) console.log(JSON.stringify(kill));
