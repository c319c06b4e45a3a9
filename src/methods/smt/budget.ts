/** How much may train: `0.84%` of the model, `5%t` of the targets, `863b` blocks, or one of these for attn and for mlp. */

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
  const [, digits, unit] = text.match(AMOUNT)!;
  const value = Number(digits);
  const refuse = (reason: string) => new Error(`expected a budget ${reason}, got ${text}; ${CURE}`);
  if (!(value > 0)) throw refuse('above zero');
  if (unit === 'b') {
    if (!Number.isSafeInteger(value)) throw refuse('of whole blocks');
    return { kind: 'blocks', count: value };
  }
  if (value > 100) throw refuse('of at most 100 percent');
  return { kind: unit.toLowerCase() === '%t' ? 'targets' : 'model', share: value / 100 };
}
