// Blocks scored, and chosen again by scores that are known: a run then needs no warm-up, and trains what it would have chosen.

import { methodFrom, methodSettings, tuneOptions } from '../../../src/commands/settings.ts';
import { type Options, type Settled, withDefaults } from '../../../src/options/table.ts';
import {
  type BlockScores,
  chooseAgain,
  decoderFor,
  type Line,
  longestOf,
  type Method,
  prepareRun,
  type Report,
  type Selection,
  selectBlocks,
  toldSelection,
} from '../../../src/parts.ts';
import { heardBy } from '../../blocks.ts';
import type { SelectionLine } from '../../state.ts';
import { choosesBlocks, scoresOf } from '../scored.ts';
import { type Bench, dataOf, modelOf } from './bench.ts';
import { freshModel } from './device.ts';

/** Reads the data by the warm-up alone and scores every block; what an earlier run left is taken off the model. False where it was stopped. */
export async function scoreOwn(b: Bench, given: Options, { signal }: { signal: AbortSignal }): Promise<boolean> {
  const o = withDefaults(given);
  const method = methodFrom(o);
  const { rows, held } = dataOf(b);
  const model = await freshModel(b, o, method, longestOf(rows, held), { losses: 0, report: b.tell });
  const { watch, report } = watching(b, o, b.tell);
  const run = await prepareRun(model, { rows, held }, { ...tuneOptions(o, method), ...watch }, report, signal);
  return (await selectBlocks(run, methodSettings(o))) !== null;
}

/** The settings of a run under which the page sees its blocks, and its scores are kept; and who listens to it. */
export function watching(b: Bench, o: Settled, listener: Report) {
  const by = scoresOf(o);
  const { scored, meanwhile } = heardBy(b.tell, by);
  const before = known(b, o) ? b.scored?.losses : undefined;
  const losses: number[] = [];
  let ms = 0;
  return {
    report(line: Line) {
      if (line.kind === 'warmup') losses.push(line.loss);
      if (line.kind === 'warmup') ms += line.ms;
      listener(line);
    },
    watch: {
      meanwhile,
      warmedUp: before,
      scored(scores: BlockScores) {
        b.scored = { by, scores, losses, ms };
        scored(scores);
      },
    },
  };
}

/** What these options choose by the scores that are known. No GPU is touched. */
export function chooseOwn(b: Bench, given: Options): SelectionLine {
  const o = withDefaults(given);
  const found = known(b, o);
  if (!found) throw new Error('expected scores of these settings, got none yet: score the blocks first.');
  return toldSelection(decoder(b), methodSettings(o), found);
}

/** The method of a run; where its scores are known, with its choice made. */
export function methodOn(b: Bench, o: Settled): Method {
  const method = methodFrom(o);
  const found = known(b, o);
  return found && method.chosen ? method.chosen(found) : method;
}

/** What the warm-up took whose scores these options choose by; 0 where there is none yet. */
export const knownMs = (b: Bench, o: Settled): number => (known(b, o) ? b.scored!.ms : 0);

function known(b: Bench, o: Settled): Selection | null {
  if (b.scored?.by !== scoresOf(o) || !choosesBlocks(o)) return null;
  return chooseAgain(decoder(b), methodSettings(o), new Map(b.scored.scores.maps));
}

/** By its shapes alone. */
const decoder = (b: Bench) => decoderFor(modelOf(b).files)(1, 'f32', b.planning.maxBinding);
