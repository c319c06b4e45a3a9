// `train --tensorboard DIR`: the lines of a run as curves, in an event file of that folder. A run that goes on writes on in the file that
// it left, from which what lies beyond the step that it goes on from is cut. A fault of the disk ends the curves, not the run.

import {
  accessSync,
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Line, Report } from '../report.ts';
import { headRecord, recordsOf, type Told, toldRecord } from './tfevents.ts';

/** Names of the files: TensorBoard looks for the middle of it, and by the end one knows whose it is. */
const NAME = /^events\.out\.tfevents\..*\.blocktune$/;

/** What lies in the file: of which kind, at which step, from where. */
interface Written {
  kind: Kind;
  step: number;
  at: number;
}
type Kind = 'warmup' | 'step' | 'eval' | 'guard' | 'blocks';

/** Writes curves into a folder. resume: goes on in the file of a run that was stopped; force: in the place of one. Throws where it cannot. */
export function curvesIn(folder: string, { resume, force }: { resume?: boolean; force?: boolean }, report: Report): Report {
  const before = filesBefore(folder, resume, force);
  let file: EventFile | null = null;
  let broken = false;
  const take = (line: Line) => {
    if (TELL.has(line.kind)) {
      file ??= openEvents(folder, before, resume ?? false);
      const told = toldBy(line, file.written.findLast(({ kind }) => kind === 'step')?.step ?? 0);
      if (told) put(file, told);
    } else if (line.kind === 'done' && file) closeSync(file.fd);
  };
  return (line) => {
    if (broken) return;
    try {
      take(line);
    } catch (e) {
      broken = true;
      report({ kind: 'warning', text: `no more curves are written to ${folder}: ${(e as Error).message}; the run goes on` });
    }
  };
}

/** A file that is written to: what is in it, and where it ends. */
interface EventFile {
  fd: number;
  written: Written[];
  end: number;
}

const seconds = () => Date.now() / 1000;

function put(file: EventFile, { kind, ...told }: Told & { kind: Kind }): void {
  const { written } = file;
  // evaluated again where it goes on
  if (kind !== 'step' && kind !== 'warmup' && written.some((w) => w.kind === kind && w.step === told.step)) return;
  const stale = written.findIndex((w) => beyond(w, kind, told.step));
  if (stale >= 0) {
    file.end = written[stale].at;
    written.length = stale;
    ftruncateSync(file.fd, file.end);
  }
  written.push({ kind, step: told.step, at: file.end });
  append(file, toldRecord(seconds(), told));
}

/** Whether something was told after what is told now: then the run was set back, and that never was. */
function beyond(w: Written, kind: Kind, step: number): boolean {
  if (kind === 'warmup') return w.kind !== 'warmup' || w.step >= step;
  return w.kind !== 'warmup' && (w.step > step || (kind === 'step' && w.step === step));
}

function append(file: EventFile, record: Uint8Array): void {
  writeSync(file.fd, record, 0, record.length, file.end);
  file.end += record.length;
}

/** Lines that are told. */
const TELL = new Set<Line['kind']>(['warmup', 'step', 'eval', 'blocks_update']);

const TRAIN_LOSS = 'loss/train';
const KINDS: Record<string, Kind> = {
  'loss/warmup': 'warmup',
  [TRAIN_LOSS]: 'step',
  'loss/held_out': 'eval',
  'loss/second_data': 'guard',
  'blocks/update': 'blocks',
};

/** What a line says of a run's curves; the first name tells its kind. last: the step before. */
function toldBy(line: Line, last: number): (Told & { kind: Kind }) | null {
  if (line.kind === 'step') {
    const { step, loss, lr, grad_norm, input_tokens, ms } = line;
    const scalars = { [TRAIN_LOSS]: loss, learning_rate: lr, grad_norm, tokens_per_second: (1000 * input_tokens) / ms };
    return { kind: 'step', step, scalars };
  }
  if (line.kind === 'warmup') return { kind: 'warmup', step: line.step, scalars: { 'loss/warmup': line.loss } };
  if (line.kind === 'eval') {
    const { step, loss, guard } = line;
    if (guard !== undefined) return { kind: 'guard', step, scalars: { 'loss/second_data': loss } };
    return { kind: 'eval', step, scalars: { 'loss/held_out': loss } };
  }
  if (line.kind === 'blocks_update') {
    // the norm of each block's difference
    const norms = line.blocks.map(({ share }) => line.norm * Math.sqrt(share));
    return norms.length ? { kind: 'blocks', step: last, values: { 'blocks/update': norms } } : null;
  }
  return null;
}

/** Files of a run before, the newest first; they are in the way of another. */
function filesBefore(folder: string, resume = false, force = false): string[] {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    const names = readdirSync(folder).filter((name) => NAME.test(name));
    if (names.length && !resume && !force)
      throw new Error(
        `${names[0]} of another run is there; go on with that run (--resume), write over it (--force), or take another folder`,
      );
    return names.sort().reverse();
  } catch (e) {
    throw new Error(`expected --tensorboard to be a folder for the curves of this run, got ${folder}: ${(e as Error).message}`);
  }
}

function openEvents(folder: string, before: readonly string[], resume: boolean): EventFile {
  if (resume && before.length) return goneOnWith(join(folder, before[0]));
  for (const name of before) rmSync(join(folder, name));
  const file = {
    fd: openSync(join(folder, `events.out.tfevents.${Math.floor(seconds())}.blocktune`), 'wx'),
    written: [],
    end: 0,
  };
  append(file, headRecord(seconds()));
  return file;
}

/** A file that was left: what is sound of it stays. */
function goneOnWith(path: string): EventFile {
  const file: EventFile = { fd: openSync(path, 'r+'), written: [], end: 0 };
  for (const { end, step, tags } of recordsOf(readFileSync(path))) {
    const kind = KINDS[tags[0]];
    if (kind) file.written.push({ kind, step, at: file.end });
    file.end = end;
  }
  ftruncateSync(file.fd, file.end);
  if (!file.end) append(file, headRecord(seconds()));
  return file;
}
