// The result to take away: the adapter folder's files.

import { useEffect, useMemo } from 'preact/hooks';
import { grouped } from '../format.ts';
import type { AdapterFile } from '../protocol.ts';
import type { SelectionLine } from '../state.ts';
import { TASK } from '../way.ts';
import { Downloads } from './Downloads.tsx';

export function Adapter({ files, selection }: { files: AdapterFile[]; selection: SelectionLine | null }) {
  const links = useMemo(
    () => files.map(({ name, blob }) => ({ name, size: blob.size, href: URL.createObjectURL(blob) })),
    [files],
  );
  useEffect(
    () => () => {
      for (const { href } of links) URL.revokeObjectURL(href);
    },
    [links],
  );
  if (!files.length || !selection) return <p class="empty">Three small files will be here when the run ends.</p>;
  return (
    <div class="adapter">
      <Downloads files={links} />
      <p>
        {grouped(selection.blocks.length)} blocks of {selection.block} × {selection.block} differences. Put the files in one
        folder; then, in a checkout of blocktune:
      </p>
      <pre>
        <code>
          npx blocktune generate --adapter FOLDER{'\n'}
          npx blocktune export --adapter FOLDER --format gguf --out tuned.gguf
        </code>
      </pre>
      <p>Or open the task as your own: trained there, it leaves this page as GGUF, ONNX, safetensors or for PEFT.</p>
      <a class="button small" href={TASK} data-testid="as-own">
        Open as your own
      </a>
    </div>
  );
}
