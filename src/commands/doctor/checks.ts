// All self-tests: every kernel that a program can use, in every form that its op has (a test holds that none is left out).

import { attentionChecks } from './attention.ts';
import { blockChecks } from './blocks.ts';
import type { Check } from './check.ts';
import { decodingChecks } from './decoding.ts';
import { factorChecks } from './factors.ts';
import { learningChecks } from './learning.ts';
import { muonChecks } from './muon.ts';
import { productChecks, startChecks } from './products.ts';
import { rowChecks } from './rows.ts';
import { storedChecks } from './stored.ts';

export const checks = (): Check[] => [
  ...productChecks(),
  ...startChecks(),
  ...storedChecks(),
  ...attentionChecks(),
  ...decodingChecks(),
  ...rowChecks(),
  ...blockChecks(),
  ...factorChecks(),
  ...learningChecks(),
  ...muonChecks(),
];
