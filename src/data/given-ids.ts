/**
 * A row that comes as token ids: used as they are, with labels that decide what is learned, or else with masks as other tools write
 * them. A mask of attention leaves padding out. What would change the row and is not done here is refused by name.
 */
import { type DataRecord, type Fields, nameOf } from './columns.ts';
import { type Notes, said } from './messages.ts';

export const NOT_LEARNED = -100;

/** Masks of the tokens to learn: TRL's of prompt and completion, transformers' of assistant turns (by two names). */
const LEARNED = ['completion_mask', 'assistant_masks', 'assistant_mask', 'loss_mask'];

/** Ids and labels of a row, the same list where all is learned. */
export function givenIds(
  { input_ids, labels }: Extract<Fields, { kind: 'ids' }>,
  record: DataRecord,
  notes?: Notes,
): { ids: number[]; labels: number[] } {
  const ids = integers('input_ids', input_ids);
  const present = mask('attention_mask', ids.length, record, notes);
  mustBeOne(ids.length, record, notes);
  const targets = labels === undefined || labels === null ? maskedBy(ids, record, notes) : givenLabels(ids, labels);
  if (!present?.includes(0)) return { ids, labels: targets };
  const [from, to] = [present.indexOf(1), present.lastIndexOf(1) + 1];
  if (present.slice(from, to).includes(0))
    throw new Error('expected attention_mask to be 0 before or after a row alone, got a 0 within it; leave those tokens out');
  const kept = ids.slice(from, to);
  return { ids: kept, labels: targets === ids ? kept : targets.slice(from, to) };
}

function givenLabels(ids: number[], labels: unknown): number[] {
  const given = integers('labels', labels);
  if (given.length !== ids.length)
    throw new Error(
      `expected as many labels as input_ids (${ids.length}), got ${given.length}; give one label a token, -100 where nothing is learned`,
    );
  return given;
}

/** Labels where every mask of the row has a 1. */
function maskedBy(ids: number[], record: DataRecord, notes?: Notes): number[] {
  const masks = LEARNED.map((name) => mask(name, ids.length, record, notes)).filter((one) => one !== undefined);
  return masks.length ? ids.map((id, i) => (masks.every((one) => one[i] === 1) ? id : NOT_LEARNED)) : ids;
}

/** A column of a 0 or a 1 for each token, where the row has it. */
function mask(name: string, n: number, record: DataRecord, notes?: Notes): number[] | undefined {
  if (!said(record[name])) return undefined;
  const list = listOf(record[name]);
  const values = integers(name, Array.isArray(list) ? list.map((v) => (typeof v === 'boolean' ? Number(v) : v)) : list);
  if (values.length !== n || values.some((v) => v !== 0 && v !== 1))
    throw new Error(
      `expected ${name} to be a 0 or a 1 for each of ${n} input_ids, got ${values.length}, ${JSON.stringify(values).slice(0, 60)}; give labels instead`,
    );
  notes?.used(name);
  return values;
}

/** Throws where several texts were packed into the row: their tokens would see each other. */
function mustBeOne(n: number, record: DataRecord, notes?: Notes): void {
  const { position_ids, seq_lengths } = record;
  const places = said(position_ids) ? integers('position_ids', position_ids) : [];
  const several = said(seq_lengths) && integers('seq_lengths', seq_lengths).length > 1;
  const name = several ? 'seq_lengths' : 'position_ids';
  if (several || (places.length > 0 && (places.length !== n || places.some((place, i) => i > 0 && place !== places[i - 1] + 1))))
    throw new Error(
      `expected input_ids of one text, got several by ${name} (${JSON.stringify(record[name])?.slice(0, 60)}); write a row for each, packing is done here`,
    );
  if (places.length > 0) notes?.used('position_ids');
  if (said(seq_lengths)) notes?.used('seq_lengths');
}

const listOf = (value: unknown): unknown =>
  ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as unknown as ArrayLike<number>) : value;

function integers(name: string, value: unknown): number[] {
  const list = listOf(value);
  if (!Array.isArray(list)) throw new Error(`expected ${name} to be a list of token ids, got ${nameOf(value)}; write [1, 2, 3]`);
  const numbers = list.map((item) => (typeof item === 'bigint' || item instanceof Number ? Number(item) : item));
  const odd = numbers.findIndex((item) => !Number.isInteger(item));
  if (odd !== -1)
    throw new Error(`expected ${name} to hold whole numbers, got ${nameOf(numbers[odd])} at place ${odd}; write token ids`);
  return numbers;
}
