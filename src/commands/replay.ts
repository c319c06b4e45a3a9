// The verb `replay`: a run again by its receipt, and whether it comes out the same to the bit. What it was of must be the same, which
// is known before the first step; what differs after that is told with the first step at which it does, and why it may.

import { RECEIPT } from '../io/adapter.ts';
import { openPlace, readJson } from '../io/bytes.ts';
import type { FileToWrite } from '../io/write.ts';
import { contradiction } from '../options/rules.ts';
import { type Options, type Settled, withDefaults } from '../options/table.ts';
import type { Line } from '../report.ts';
import { identityIn, type Receipt, receiptIn } from './receipt.ts';
import type { Task } from './task.ts';
import { trained } from './train.ts';

/** Differs in a way that a receipt shows. step: as the line has it. */
type Difference = Required<Pick<Extract<Line, { kind: 'replay' }>, 'step' | 'what' | 'expected' | 'got'>>;

export async function replayVerb(task: Task): Promise<void> {
  const [file] = task.files;
  const { receipt: was, options } = await readReceipt(file);
  const o = optionsOf(options, task.o, file);
  // measured kernels sum in another order: those of the receipt, or where tuning is off the default ones
  const kernels = o.tune === 'on' ? was.kernels : {};
  const again = { name: file, of: identityIn(was), kernels, until: was.curve.loss.length };
  const is = await trained(
    { ...task, o },
    async (ran) => {
      if (o.out) await ran.write();
      else await drain(ran.files ?? []);
      return ran.receipt;
    },
    again,
  );
  if (!is) throw new Error(`expected the run of ${file} to train again, got one that was stopped before; let it end`);
  const steps = is.curve.loss.length;
  const found = differenceOf(was, is);
  if (!found) return task.report({ kind: 'replay', equal: true, steps });
  const because = reasonsOf(was, is);
  task.report({ kind: 'replay', equal: false, steps, ...found, because });
  throw new Error(
    `expected the run of ${file} again, got another ${found.what}${placeOf(found.step)}: ${found.expected ?? 'not finite'} then, ${found.got ?? 'not finite'} now. ` +
      (because.length
        ? `It may differ for ${because.join(', ')}. Replay it where it was run for the same bits.`
        : 'Device, runtime, version and kernels are the same: the device does not repeat its own sums, or the receipt was changed.'),
  );
}

const placeOf = (step: number | null) =>
  step === null ? ' after equal steps' : step === 0 ? ' before the first step' : ` at step ${step}`;

async function readReceipt(where: string): Promise<ReturnType<typeof receiptIn>> {
  const place = await openPlace(where);
  const source = 'source' in place ? place.source : await place.folder.file(RECEIPT);
  if (!source)
    throw new Error(`expected ${RECEIPT} in the folder ${where}, got none; name a folder that train wrote, or the file`);
  try {
    return receiptIn(await readJson(source), where);
  } finally {
    await source.close();
  }
}

/** Options of the run, with what the command says of where things lie and what runs it. */
function optionsOf(recipe: Options, { given, tune, device, runtime }: Settled, file: string): Settled {
  const { json: _, quiet: __, tune: ___, runtime: ____, ...flags } = given;
  const options: Options = { ...recipe, ...flags };
  const clash = contradiction('train', options);
  if (clash !== undefined) throw new Error(`${clash} (flags together with the recipe of ${file})`);
  return { ...withDefaults(options), tune, device, runtime, checkpointEvery: 0 };
}

/** Reads files to their ends: their sums are taken so. */
async function drain(files: FileToWrite[]): Promise<void> {
  for (const { chunks } of files) for await (const _ of chunks as AsyncIterable<unknown>);
}

/** The first thing in which two runs differ, in the order in which they come to it. */
export function differenceOf(was: Receipt, is: Receipt): Difference | undefined {
  const [then, now] = [was.curve, is.curve];
  const other = (step: number | null, what: string, a: unknown, b: unknown): Difference | undefined =>
    JSON.stringify(a) === JSON.stringify(b) ? undefined : { step, what, expected: plain(a), got: plain(b) };
  const list = (what: string, a: readonly unknown[], b: readonly unknown[]) =>
    first(Math.max(a.length, b.length), (i) => other(0, `${what} ${i + 1}`, a[i], b[i]));
  const at = (evals: Receipt['curve']['evals'], step: number) => evals.find(([t]) => t === step)?.[1];
  const evaluated = (step: number) =>
    other(step, 'held-out loss', at(then.evals, step), at(now.evals, step)) ??
    other(step, "loss of the guard's rows", at(then.guard, step), at(now.guard, step));
  const names = [...new Set([...Object.keys(was.result), ...Object.keys(is.result)])];
  return (
    other(0, "loss of the guard's rows", at(then.guard, 0), at(now.guard, 0)) ??
    list('loss of warm-up step', then.warmup, now.warmup) ??
    other(0, 'choice of blocks', was.blocks, is.blocks) ??
    list('learning rate tried', was.rates?.tried ?? [], is.rates?.tried ?? []) ??
    other(0, 'learning rate', was.rates?.lr, is.rates?.lr) ??
    first(
      Math.max(then.loss.length, now.loss.length),
      (i) =>
        other(i + 1, 'loss', then.loss[i], now.loss[i]) ??
        other(i + 1, 'norm of the gradient', then.grad_norm[i], now.grad_norm[i]) ??
        evaluated(i + 1),
    ) ??
    first(names.length, (i) => other(null, names[i], was.result[names[i]]?.sha256, is.result[names[i]]?.sha256))
  );
}

function first<T>(n: number, of: (i: number) => T | undefined): T | undefined {
  for (let i = 0; i < n; i++) {
    const found = of(i);
    if (found !== undefined) return found;
  }
  return undefined;
}

function plain(value: unknown): string | number | null {
  if (value === undefined) return 'none';
  return value === null || typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value);
}

/** What is other than it was, of all that may move bits. */
function reasonsOf(was: Receipt, is: Receipt): string[] {
  const [then, now] = [was.device, is.device];
  const changed = (what: string, a: string, b: string) => (a === b ? [] : [`another ${what} (${a} then, ${b} now)`]);
  const limits = ({ name: _, ...rest }: Receipt['device']) => JSON.stringify(rest);
  const kernels = (of: Receipt['kernels']) => JSON.stringify(Object.entries(of).sort());
  return [
    ...changed('device', then.name, now.name),
    ...(then.name === now.name && limits(then) !== limits(now) ? ['other limits of the device'] : []),
    ...changed('runtime', was.runtime, is.runtime),
    ...changed('version of blocktune', was.version, is.version),
    ...(kernels(was.kernels) === kernels(is.kernels) ? [] : ['other kernels']),
  ];
}
