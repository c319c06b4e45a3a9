// The engine's own lines, for those who want them: the same that `blocktune --json` prints.

export function Log({ lines }: { lines: string[] }) {
  if (!lines.length) return null;
  return (
    <details class="log">
      <summary>The engine's lines</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region is reached by keys */}
      <pre tabIndex={0}>{lines.join('\n')}</pre>
    </details>
  );
}
