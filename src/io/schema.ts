// JSON from files held to a schema: what was expected, what came, and the path of the field.
import * as v from 'valibot';

/** The value as its schema has it; throws with every fault, by the path of its field. */
export function fitting<S extends v.GenericSchema>(schema: S, value: unknown, file: string): v.InferOutput<S> {
  const read = v.safeParse(schema, value);
  if (read.success) return read.output;
  const faults = read.issues.slice(0, 3).map((issue) => {
    const path = issue.path?.map((part) => String(part.key)).join('.') ?? 'the whole';
    if (issue.input === undefined) return `expected ${path} in ${file}, got none`;
    const expected = /^expected /.test(issue.message) ? issue.message.slice('expected '.length) : issue.expected;
    return `expected ${expected} as ${path} of ${file}, got ${shown(issue.input)}`;
  });
  throw new Error(`${faults.join('; ')}; the file is damaged or of another program`);
}

/** A whole number from `least`. */
export const whole = (least: number) =>
  v.pipe(
    v.number(),
    v.safeInteger(`expected a whole number from ${least}`),
    v.minValue(least, `expected a whole number from ${least}`),
  );

/** Sums by name. */
export const sha256s = v.record(v.string(), v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected a SHA-256 sum')));

const shown = (value: unknown) => JSON.stringify(value)?.slice(0, 80) ?? String(value);
