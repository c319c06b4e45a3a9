// How much may train: `0.84%` of the model, `5%t` of the targets, `863b` blocks, or one of these for attn and for mlp; and the
// blocks that it buys. Arithmetic alone.

import { setting } from '../../setting.ts';
import { sizeOfTargets, type Target } from '../targets.ts';

/** Share of all 2-D parameters of the model or of the targets' (0 to 1), or a number of blocks. */
export type Amount = { kind: 'model' | 'targets'; share: number } | { kind: 'blocks'; count: number };

/** One amount for all targets, or one for each group named. */
export type Budgets = { all: Amount } | { attn?: Amount; mlp?: Amount };

const AMOUNT = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(%t|%|b)$/i;
const CURE = 'write 0.84% of the model, 5%t of the targets, 863b blocks, or attn=0.8%,mlp=0.2%';

/** Whether a text is written as a budget is; its amounts may still be out of bounds. */
export function looksLikeBudget(text: string): boolean {
  const parts = text.split(',').map((part) => part.trim());
  if (parts.length === 1 && AMOUNT.test(parts[0])) return true;
  const groups = parts.map((part) => part.match(/^(attn|mlp)=(.*)$/));
  return (
    groups.every((match) => match !== null && AMOUNT.test(match[2])) &&
    new Set(groups.map((match) => match?.[1])).size === parts.length
  );
}

/** A budget's amounts; throws where it is zero, negative, more than all, or no budget. */
export function parseBudget(text: string): Budgets {
  if (!looksLikeBudget(text)) throw new Error(`expected a budget, got "${text}"; ${CURE}`);
  const parts = text.split(',').map((part) => part.trim().split('='));
  if (parts[0].length === 1) return { all: amount(parts[0][0]) };
  return Object.fromEntries(parts.map(([group, value]) => [group, amount(value)]));
}

function amount(text: string): Amount {
  const [, digits, unit] = text.toLowerCase().match(AMOUNT)!;
  const value = Number(digits);
  const refuse = (reason: string) => new Error(`expected a budget ${reason}, got ${text}; ${CURE}`);
  if (!(value > 0)) throw refuse('above zero');
  if (unit === 'b') {
    if (!Number.isSafeInteger(value)) throw refuse('of whole blocks');
    return { kind: 'blocks', count: value };
  }
  if (value > 100) throw refuse('of at most 100 percent');
  return { kind: unit === '%t' ? 'targets' : 'model', share: value / 100 };
}

// --- what it buys -------------------------------------------------------------------------------------------------------

/** The block edge: as asked, or the largest power of two up to 256 that divides every target dimension. */
export function blockEdge(targets: Target[], asked: number | 'auto'): number {
  const divides = (b: number) => targets.every((t) => t.rows % b === 0 && t.cols % b === 0);
  if (asked === 'auto') {
    let b = 256;
    while (!divides(b)) b /= 2;
    return b;
  }
  const odd = targets.find((t) => t.rows % asked || t.cols % asked);
  if (odd)
    throw new Error(
      `expected a block edge that divides every target matrix, got ${setting('block')} ${asked} for ${odd.name} [${odd.rows}, ${odd.cols}]. ` +
        `Use ${setting('block')} ${blockEdge(targets, 'auto')} or leave it out.`,
    );
  return asked;
}

/** Blocks that an amount buys: floor(share x parameters / b^2). Less than one, or more than there are, is an error. */
export function blockCount(amount: Amount, b: number, targets: Target[], modelParameters: number): number {
  const all = sizeOfTargets(targets) / (b * b);
  const inTargets = all * b * b;
  const count = Math.floor((parametersIn(amount, b, targets, modelParameters) * (1 + 1e-12)) / (b * b));
  const least = `One block of ${b} x ${b} is ${percent((b * b) / modelParameters)} of the model, ${percent((b * b) / inTargets)} of the targets`;
  if (count < 1)
    throw new Error(
      `expected a budget of at least one block, got ${inWords(amount)}. ${least}: raise ${setting('budget')} or lower ${setting('block')}.`,
    );
  if (count > all)
    throw new Error(
      `expected a budget of at most all ${all} blocks of the targets, got ${inWords(amount)} = ${count} blocks. Lower ${setting('budget')} or name more ${setting('targets')}.`,
    );
  return count;
}

/** Parameters that an amount of these targets means. */
export function parametersIn(amount: Amount, b: number, targets: Target[], modelParameters: number): number {
  if (amount.kind === 'blocks') return amount.count * b * b;
  return amount.share * (amount.kind === 'model' ? modelParameters : sizeOfTargets(targets));
}

/** Targets that share a budget, and the blocks that it buys among them. */
export interface Group {
  targets: Target[];
  count: number;
}

/** One group of all targets, or one of the attention's and one of the MLP's. */
export const groupsOf = (targets: Target[], budget: string, b: number, modelParameters: number): Group[] =>
  amountsOf(targets, budget).map(({ targets: own, amount }) => ({
    targets: own,
    count: blockCount(amount, b, own, modelParameters),
  }));

/** The same before anything is bought; `name`: of the group, null where there is one of all. */
export function amountsOf(targets: Target[], budget: string): { name: string | null; targets: Target[]; amount: Amount }[] {
  const budgets = parseBudget(budget);
  if ('all' in budgets) return [{ name: null, targets, amount: budgets.all }];
  return (['attn', 'mlp'] as const).flatMap((name) => {
    const amount = budgets[name];
    if (!amount) return [];
    const own = targets.filter((t) => /^[qkvo]_proj$/.test(t.module) === (name === 'attn'));
    if (!own.length)
      throw new Error(
        `expected ${setting('targets')} with matrices of ${name}, for which ${setting('budget')} has a share, got none: name some, or leave ${name} out.`,
      );
    return [{ name, targets: own, amount }];
  });
}

const percent = (x: number) => `${Number((100 * x).toPrecision(2))} %`;

function inWords(amount: Amount): string {
  if (amount.kind === 'blocks') return `${amount.count} blocks`;
  return `${percent(amount.share)} of the ${amount.kind}`;
}
