// A run as a function of the device that it is on. Devices are lost: a driver resets, a laptop sleeps, a browser's GPU process dies.
// All that was on one is gone then, pipelines and buffers and weights, so nothing is mended: the run begins another life, on a new
// device, with the weights read again from their source, from its last checkpoint. Same seed, same kernels, same bits. A step that came
// back (gpu/arrive.ts) counts, and is told once.

import { lossOf, tellsOfLoss } from '../gpu/arrive.ts';
import { closeGpu, type Gpu, type OpenOptions, openGpu } from '../gpu/device.ts';
import type { Choices } from '../gpu/limits.ts';
import type { Store } from '../io/store.ts';
import { memoryStore } from '../io/store-memory.ts';
import type { Line, Report } from '../report.ts';

/** What of a run outlives its device. */
export interface Life {
  /** Devices that were lost before this one. */
  losses: number;
  /** The kernels that it runs: others would sum in another order. */
  kernels?: Choices;
  /** Where a run is saved that keeps no checkpoints elsewhere. */
  snapshots: Store;
  /** Takes the lines of the run; one that was told in an earlier life is not told again. */
  report: Report;
}

/** Lives in a row without a new line that end the run: it would be lost again. */
const MOST = 3;
/** How long a device is waited for after a loss: a browser gives none for two minutes after the second. Told when it is not there soon. */
const [PATIENCE_MS, SOON_MS] = [180_000, 5000];
/** Between two questions for one, at first and later. */
const [PAUSE_MS, LONG_PAUSE_MS] = [250, 5000];
/** The news of a loss comes a little after the first call that fails for it. */
const NEWS_MS = 200;

/** Lives the run again for as long as it ends by the loss of its device, but not more than three times for nothing. */
export async function survive<T>(run: (life: Life) => Promise<T>, report: Report = () => {}): Promise<T> {
  const told = newlyTold(report);
  const life: Life = { losses: 0, snapshots: memoryStore(), report: told.report };
  for (let vain = 0; ; ) {
    try {
      return await run(life);
    } catch (e) {
      if (!tellsOfLoss(e)) throw e;
      life.losses++;
      vain = told.since() ? 1 : vain + 1;
      if (vain > MOST) throw new Error(`${e.message} It was lost ${vain} times in a row before anything more was done.`);
      report({ kind: 'warning', text: `${e.message} It is opened again, and the run goes on from what was saved` });
    }
  }
}

/** Runs on a device of its own, and where that is lost on another. It is closed in the end. */
export function onDevice<T>(
  options: OpenOptions,
  run: (gpu: Gpu, life: Life) => Promise<T>,
  report: Report = () => {},
): Promise<T> {
  return survive(async (life) => {
    const gpu = await openFor(life, options);
    try {
      return await run(gpu, life);
    } catch (e) {
      throw await causeOf(gpu, e);
    } finally {
      closeGpu(gpu);
    }
  }, report);
}

/** Opens a device for a life: the first must be there, after a loss it may take a while. */
export async function openFor({ losses, report }: Pick<Life, 'losses' | 'report'>, options: OpenOptions): Promise<Gpu> {
  const since = performance.now();
  for (let told = false; ; ) {
    try {
      return await openGpu(options);
    } catch (e) {
      if (!losses) throw e;
      const passed = performance.now() - since;
      if (passed > PATIENCE_MS) throw new Error(`the GPU was lost, and is not offered again: ${(e as Error).message}`);
      if (passed > SOON_MS && !told) {
        report({ kind: 'warning', text: 'no GPU is offered after the loss: it is asked for again for three minutes' });
        told = true;
      }
      await new Promise((done) => setTimeout(done, passed > SOON_MS ? LONG_PAUSE_MS : PAUSE_MS));
    }
  }
}

/** What an error came of: the loss of the device, where there was one. */
export const causeOf = async (gpu: Gpu, e: unknown): Promise<unknown> => (await lossOf(gpu.device, NEWS_MS)) ?? e;

// --- lines --------------------------------------------------------------------------------------------------------------

/**
 * Passes on what no earlier life has told: of lines that count up what goes further, of all others what is told once more often.
 * `since`: whether anything of the work itself was passed on since it was last asked; with that another life begins.
 */
function newlyTold(report: Report): { report: Report; since: () => boolean } {
  const furthest = new Map<string, number>();
  const told = new Map<string, number>();
  let now = new Map<string, number>();
  let [within, news, again] = ['', false, false];
  const isNew = (line: Line): boolean => {
    if (line.kind === 'step' || line.kind === 'warmup' || line.kind === 'eval') {
      const of = [within, line.kind, line.kind === 'eval' ? line.guard : ''].join(' ');
      if (line.step <= (furthest.get(of) ?? -1)) return false;
      furthest.set(of, line.step);
      return true;
    }
    const key = line.kind === 'example' || line.kind === 'generation' ? `${line.kind} ${line.index}` : JSON.stringify(line);
    const times = (now.get(key) ?? 0) + 1;
    now.set(key, times);
    if (times <= (told.get(key) ?? 0)) return false;
    told.set(key, times);
    return true;
  };
  return {
    report(line) {
      if (line.kind === 'run') within = line.index.toString();
      if (!ALWAYS.has(line.kind) && !isNew(line) && again) return;
      news ||= WORK.has(line.kind);
      report(line);
    },
    since() {
      now = new Map();
      again = true;
      const was = news;
      news = false;
      return was;
    },
  };
}

/** Lines that are for the moment. */
const ALWAYS = new Set<Line['kind']>(['start', 'progress', 'warning']);
/** Lines that come of work. */
const WORK = new Set<Line['kind']>(['warmup', 'step', 'eval', 'example', 'generation', 'answer', 'result']);
