// An export from its model to its place, whatever both are: laid out, written, opened again and held against the model that was meant.
// The command line's place is the disk (verb.ts), the page's what a browser offers; what is written and how it is held is the same.

import type { Folder } from '../../io/bytes.ts';
import type { Exporting } from '../../io/export.ts';
import { EXPORTERS } from '../../io/exports.ts';
import { piecesOf } from '../../io/store.ts';
import type { FileToWrite } from '../../io/write.ts';
import { EXPORTS, type ExportFormat } from '../../options/table.ts';
import type { Report } from '../../report.ts';
import { compareExport, type Meant } from './check.ts';
import { worstOf } from './compare.ts';

/** Where an export goes. */
export interface Target {
  /** What of it is as it was where an export fails, for the message. */
  out?: string;
  /** Writes files, has them checked where they lie, and leaves none of them where that, or writing, fails. */
  write(files: FileToWrite[], check: (written: Folder) => Promise<void>): Promise<void>;
}

/** What was written, and how far it is from the model that was meant and from its base: null where nothing was trained. */
export interface Made {
  bytes: number;
  rows: number;
  tuned: number;
  base: number | null;
  /** The same of all logits of so many rows, where another program than our own has run what was written and they are known. */
  logits: { rows: number; tuned: number } | null;
}

/** What else has to be known of an export. */
export interface Exports {
  format: ExportFormat;
  model: Exporting;
  /** Asked once the format has taken the model. */
  meant: () => Promise<Meant>;
}

/** Exports a model. Throws, and leaves nothing behind, where it is not the one that was meant once it is opened again. */
export async function exportTo(target: Target, { format, model, meant: ask }: Exports, report: Report): Promise<Made> {
  const { lay, open } = EXPORTERS[format];
  const seen: Exporting['seen'] = {};
  const { files, notes, otherTokens = false, within } = await lay({ ...model, seen });
  for (const text of notes) report({ kind: 'note', text });
  const meant = await ask();
  const made: Made = { bytes: 0, rows: meant.rows.length, tuned: 0, base: null, logits: null };
  const check = async (written: Folder) => {
    const rounded = { dtype: model.dtype, lost: seen.differs === false, otherTokens, within };
    const compared = await compareExport(meant, () => open(written, model), rounded).catch((e: Error) => {
      const kept = target.out === undefined ? '' : `, and ${target.out} is as it was`;
      throw new Error(`${e.message.replace(/\.$/, '')}. What was written is deleted${kept}.`);
    });
    const { logits } = compared;
    Object.assign(made, worstOf(compared));
    if (logits?.length) made.logits = { rows: logits.length, tuned: Math.max(...logits) };
  };
  const counted = (bytes: number) => {
    made.bytes += bytes;
  };
  await target.write(
    files.map((file) => counting(file, counted)),
    check,
  );
  return made;
}

/** The base's dtype where the format has it. */
export function defaultDtype(format: ExportFormat, base: string): string {
  const { dtypes } = EXPORTS[format];
  return dtypes.find((dtype) => dtype === base) ?? dtypes[0] ?? base;
}

/** The file, its bytes counted as they go. */
function counting({ name, chunks }: FileToWrite, counted: (bytes: number) => void): FileToWrite {
  async function* pieces() {
    for await (const piece of piecesOf(chunks)) {
      counted(piece.length);
      yield piece;
    }
  }
  return { name, chunks: pieces() };
}
