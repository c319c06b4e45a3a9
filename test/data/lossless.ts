// JSON as Python reads it: long integers are bigints, and a float with a whole value is a boxed Number.
export const parseJson = (text: string): unknown =>
  JSON.parse(text, ((_key: string, value: unknown, { source }: { source?: string } = {}) => {
    if (typeof value !== 'number' || source === undefined) return value;
    if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value) ? value : BigInt(source);
    return Number.isInteger(value) ? new Number(value) : value;
  }) as (key: string, value: unknown) => unknown);
