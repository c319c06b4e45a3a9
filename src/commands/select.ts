// The verb `select`: warm up, score and choose the blocks, without training them.

import { writeSafetensors } from '../io/safetensors.ts';
import { checkFile, writeFile } from '../io/write.ts';
import type { Settled } from '../options/table.ts';
import {
  explained,
  halvesOf,
  longestOf,
  type Model,
  overlap,
  prepareRun,
  type Run,
  type Scored,
  type Selection,
  type Settings,
  selectBlocks,
  toldLie,
  toldSelection,
} from '../parts.ts';
import type { Line } from '../report.ts';
import { builtIn } from './built-in.ts';
import { onGpu, openFiles, openRows } from './open.ts';
import { methodFrom, methodSettings, tuneOptions } from './settings.ts';
import type { Task } from './task.ts';

export async function selectVerb({ o, report, signal, cache }: Task): Promise<void> {
  // before the long run, not after it
  for (const file of [o.out, o.scores]) if (file) await checkFile(file, { force: o.force });
  const opened = await openFiles(o, o.model ?? builtIn('model'), report);
  const { rows } = await openRows(o, opened, o.data ?? [builtIn('task/train.jsonl')], report);
  const method = methodFrom(o);
  const base = method.movesBase ? 'f32' : o.base;
  try {
    await onGpu(o, { opened, longest: longestOf(rows), base }, report, async (model, life) => {
      const { report } = life;
      const settings = methodSettings(o);
      const run = await prepareRun(model, { rows }, { ...tuneOptions(o, method, cache), life }, report, signal);
      const scored = await selectBlocks(run, settings);
      if (!scored) return report({ kind: 'warning', text: 'stopped in the warm-up: nothing was chosen, and nothing written' });
      const line = toldSelection(model.decoder, settings, scored);
      report(line);
      for (const told of toldLie(model.decoder, settings, scored)) report(told);
      if (o.explain) report(explained(model.decoder, settings, scored));
      if (o.stability || (o.explain && canHalve(o, run))) {
        const told = await stability(run, settings, scored);
        if (told) report(told);
      }
      if (o.out) await writeFile(o.out, `${JSON.stringify(line)}\n`, { force: o.force });
      if (o.scores) await writeFile(o.scores, scoreFile(model, scored), { force: o.force });
    });
  } finally {
    await opened.files.close();
  }
}

/** Whether the choice was made by a frozen warm-up that has halves. */
const canHalve = ({ select, warmup, warmupSteps }: Settled, { order }: Run) =>
  ['gradient', 'activation'].includes(select) && warmup === 'frozen' && Math.min(warmupSteps, order.microBatches) >= 2;

/**
 * Chooses by either half of the warm-up alone, and tells in how many blocks they agree with each other and with the whole's choice.
 * Null where it was stopped.
 */
async function stability(run: Run, settings: Settings, whole: Scored): Promise<Extract<Line, { kind: 'stability' }> | null> {
  const steps = Math.min(settings.warmupSteps, run.order.microBatches);
  const halves = halvesOf(run.order, steps);
  const each = Math.floor(steps / 2);
  if (each < 1)
    throw new Error('expected a warm-up of at least 2 steps for --stability, got 1: give more data, or a smaller --batch');
  const choices: Selection[] = [];
  for (const order of halves) {
    const half = await selectBlocks({ ...run, order, report: () => {} }, { ...settings, warmupSteps: each });
    if (!half) return null;
    choices.push(half);
  }
  const [one, other] = choices;
  const all = [...whole.maps.values()].reduce((n, map) => n + map.length, 0);
  return {
    kind: 'stability',
    steps: each,
    halves: overlap(one, other),
    whole: [overlap(whole, one), overlap(whole, other)],
    by_chance: whole.blocks.length / all,
  };
}

/** Score maps as safetensors, under their weights' names. */
function scoreFile(model: Model, { maps, block: b }: Scored) {
  const tensors = [...maps].map(([name, map]) => {
    const [rows, cols] = model.files.tensors.get(name)!.shape;
    return {
      name,
      dtype: 'F32',
      shape: [rows / b, cols / b],
      bytes: () => new Uint8Array(map.buffer, map.byteOffset, map.byteLength),
    };
  });
  return writeSafetensors(tensors);
}
