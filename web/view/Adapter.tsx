// The result to take away: the adapter folder's files.

import { useEffect, useMemo } from 'preact/hooks';
import { grouped } from '../format.ts';
import type { AdapterFile } from '../protocol.ts';
import type { SelectionLine } from '../state.ts';
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
        {grouped(selection.blocks.length)} blocks of {selection.block} × {selection.block} differences, where they belong, and a
        fingerprint of every base matrix. Put the files in one folder; then, in a checkout of blocktune:
      </p>
      <pre>
        <code>npx blocktune generate --adapter FOLDER</code>
      </pre>
      <p>To have the tuned model whole, for llama.cpp and Ollama, as a folder for transformers (hf) or as ONNX (onnx):</p>
      <pre>
        <code>npx blocktune export --adapter FOLDER --format gguf --out tuned.gguf</code>
      </pre>
    </div>
  );
}
