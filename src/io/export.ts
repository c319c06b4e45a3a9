// What a format of exports is made of. The formats themselves are listed in exports.ts.
import type { Adapter } from './adapter.ts';
import type { Seen } from './adapter-merge.ts';
import type { Folder } from './bytes.ts';
import type { Card } from './card.ts';
import type { ModelFiles } from './model.ts';
import type { FileToWrite } from './write.ts';

/** A model to be exported: the base's files, an adapter to be added, the dtype. */
export interface Exporting {
  files: ModelFiles;
  adapter?: Adapter;
  dtype: string;
  /** The rank that an adapter of blocks is truncated to where it is exported as a LoRA. */
  svd?: number;
  /** What a model card tells, where the format has one. */
  card?: Omit<Card, 'library'>;
  /** Told, while weights are written, whether the adapter's change outlives their rounding. */
  seen?: Seen;
}

/** What is written. */
export interface Exported {
  /** The files of the folder; of a single file the one. Their bytes are made when their turn comes. */
  files: FileToWrite[];
  /** What a person should know. */
  notes: string[];
  /** Texts may become other ids than by the model's own tokenizer: said in the notes, no fault. */
  otherTokens?: boolean;
  /** How far log-probabilities may be from the tuned model's on average, in nats; by the dtype where absent. */
  within?: number;
}

export interface Exporter {
  place: 'file' | 'folder';
  /** Lays the export out. What the format cannot say of the model is an error with a cure, before a byte is read or written. */
  lay(model: Exporting): Promise<Exported>;
  /** Opens what was written, a lone file as the only one of its folder: as a model, or as the base with an adapter. */
  open(written: Folder, model: Exporting): Promise<Opened>;
}

export interface Opened {
  files: ModelFiles;
  adapter?: Adapter;
  /** Logits after every token of a row [T, V] by the program that is to run the file; absent where our own engine reads it. */
  logits?(ids: ArrayLike<number>): Promise<Float32Array>;
}
