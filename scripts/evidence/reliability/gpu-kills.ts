// Runs in Chromium whose GPU process is killed, as many as asked; a line of JSON each. See ../lost.mjs.
import process from 'node:process';
import { gpuKills } from '../../../test/train/gpu-kills.ts';

const [runs, each, seed] = process.argv.slice(2).map(Number);
for await (const kill of gpuKills(runs, each, seed)) console.log(JSON.stringify(kill));
