// The options of what a model is written as: rows of the table that are made from the formats.

import { EXPORT_DTYPES, EXPORT_FORMATS, EXPORTS, PLAIN } from '../formats.ts';
import { choice, int, narrowed, or } from './kinds.ts';

export const OF_EXPORTS = {
  format: or(
    narrowed(
      choice(
        ['output', ['merge', 'export']],
        EXPORT_FORMATS,
        EXPORT_FORMATS.map((name) => `${name}: ${EXPORTS[name].what}`).join('; '),
      ),
      { merge: EXPORT_FORMATS.filter((name) => name !== 'peft') },
    ),
    'hf',
  ),
  svd: int(['output', ['export']], 'an adapter of blocks as a LoRA of this rank, and what that loses (default: exact)'),
  dtype: narrowed(
    choice(
      ['output', ['train', 'merge', 'export']],
      EXPORT_DTYPES,
      "of the result (default: the base's; f16 from a quantized base; f32 after training everything)",
    ),
    { train: PLAIN },
  ),
};
