// The engine's own lines, for those who want them: the same that `blocktune --json` prints. Drawn while they are open: a run adds one a
// step.

import { useState } from 'preact/hooks';

export function Log({ lines }: { lines: string[] }) {
  const [open, setOpen] = useState(false);
  if (!lines.length) return null;
  return (
    <details class="log" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>The engine's lines</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region is reached by keys */}
      {open && <pre tabIndex={0}>{lines.join('\n')}</pre>}
    </details>
  );
}
