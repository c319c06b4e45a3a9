// Parts of a run that hosts need beside the library's face: a run laid out before it is started, a choice without training, plans of
// single programs, answers to many rows. No more of the engine than this is known to command line, page and bench.

import { chooseBlocksBy, type Scored, type SmtSettings } from './methods/smt/method.ts';
import type { Run } from './train/run.ts';
import { choosing } from './train/session.ts';

export type { Columns } from './data/columns.ts';
export type { IndexedRow, Prompt, SeenRow } from './data/load.ts';
export { type Look, lookAt } from './data/look.ts';
export { partsOf, piecesOf } from './data/pieces.ts';
export { NOT_LEARNED, type Row } from './data/rows.ts';
export { type Speller, speller } from './data/speller.ts';
export { answerPrompts, positionsFor } from './eval/answer.ts';
export { planDecoding } from './eval/decoding.ts';
export { answerRow, closeDesk, type Desk, openDesk, scoreRow, type Told } from './eval/desk.ts';
export { type Answer, answerRows, expectedAnswer, positionsToAnswer } from './eval/exact.ts';
export { generateAll } from './eval/generate.ts';
export { type Ask, longestRow, rankAll } from './eval/rank.ts';
export { sayAll } from './eval/say.ts';
export { MOST_TOLD, planServing } from './eval/serving.ts';
export { mcnemar, meanOf, wilson } from './eval/statistics.ts';
export { autotunePace } from './gpu/autotune.ts';
export { type Choices, type Planning, planningOf } from './gpu/limits.ts';
export { prepare } from './gpu/run.ts';
export { elementsOf } from './gpu/tensor.ts';
export * from './index.ts';
export { openPlace } from './io/bytes.ts';
export { type KeptModel, keptFolder, keptModels } from './io/kept-folder.ts';
export { storedBytes } from './io/tensors.ts';
export { blobOf } from './io/write.ts';
export { METHODS, methodNamed, methodOf, type Settings } from './methods/index.ts';
export { type Attached, type BlockScores, type Method, putOn, takeOff } from './methods/method.ts';
export { chooseAgain, explained, type Scored, toldLie, toldSelection } from './methods/smt/method.ts';
export { overlap, type Selection, SPREADS, type Spread, selectionIn } from './methods/smt/select.ts';
export { matrixParameters, sizeOfTargets, targetsOf } from './methods/targets.ts';
export type { Decoder } from './models/decoder.ts';
export { checkBase as checkAdapterBase } from './train/adapter.ts';
export { compileAhead } from './train/ahead.ts';
export { withKernels } from './train/autotune.ts';
export { CHECKPOINTS, clear as clearCheckpoints, newestCheckpoint } from './train/checkpoint.ts';
export { decodeCost, trainingCost, warmupCost } from './train/cost.ts';
export { lossOf } from './train/evaluate.ts';
export type { Identity } from './train/identity.ts';
export { causeOf, type Life, openFor, survive } from './train/lives.ts';
export { logitsOf, logprobsOf } from './train/logprobs.ts';
export { baseOf, type DecoderFor, decoderFor, fallback } from './train/model.ts';
export { endsOf, openPrompts, promptIds, seeRows, withSources, withTokenizer } from './train/open.ts';
export { halvesOf, longestOf, orderRows } from './train/order.ts';
export { type Figures, type PlanOptions, runBytes, trainingFigures, warmupFigures } from './train/plans.ts';
export { evaluationIn } from './train/rates.ts';
export { weighRecompute } from './train/recompute.ts';
export { type Curve, RECORDED, type RunRecord } from './train/record.ts';
export type { Run } from './train/run.ts';
export { checkSavable, liveFiles, resultFiles } from './train/save.ts';
export { type Again, prepareRun } from './train/tune.ts';

/** Scores the blocks of a prepared run's targets and chooses, without training; null where it was stopped meanwhile. */
export const selectBlocks = (run: Run, settings: SmtSettings): Promise<Scored | null> => chooseBlocksBy(choosing(run), settings);
