// No room on the device. WebGPU does not say how much memory there is, so that it is told only by what fails: then by what takes the
// most, and by the settings that make that smaller. What fits the limits is another question, answered before by the plan.

import { setting } from '../setting.ts';
import { bytes } from '../words.ts';
import { bytesByRole, type Home, ROLES, type Role } from './home.ts';

const lessAtOnce = ['batch', 'maxLength'].map((key) => `a smaller ${setting(key)}`);
const again = `${setting('recompute')} on`;
const lessTrained = [
  `a smaller ${setting('budget')} or ${setting('rank')}`,
  `${setting('method')} smt where all is trained`,
  lessAtOnce[0],
];

/** Three things to change for each category of bytes, what helps it most first. */
const SMALLER: Record<Role, string[]> = {
  weights: [`${setting('base')} q8_0 or q4_0`, ...lessAtOnce],
  trained: lessTrained,
  gradients: lessTrained,
  moments: lessTrained,
  activations: [again, ...lessAtOnce],
  temporaries: [...lessAtOnce, again],
  logits: [...lessAtOnce, again],
  kv: [lessAtOnce[0], `a smaller ${setting('maxNewTokens')}`, lessAtOnce[1]],
  staging: [...lessAtOnce, again],
  other: [lessAtOnce[0], `${lessAtOnce[1]} (of answers ${setting('maxNewTokens')})`, again],
};

/** What to change where bytes of this category are too many: three settings, as a sentence. */
export function smaller(role: Role): string {
  const [first, second, third] = SMALLER[role];
  return `Use ${first}, ${second}, or ${third}; or another ${setting('device')}.`;
}

/** The error of an allocation that the device had no room for, of all that was to lie on it. said: its own words. */
export function noRoom(homes: Iterable<Home>, said: string): Error {
  const by = bytesByRole(homes);
  const [most] = [...ROLES].sort((a, b) => by[b] - by[a]);
  return new Error(
    `expected room on the GPU for ${bytes(by.total)}, got none ("${said}"). Of them ${most} take the most, ${bytes(by[most])}. ${smaller(most)}`,
  );
}
