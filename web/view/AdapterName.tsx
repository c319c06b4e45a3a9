// The GPU that computes here, by name.

export function AdapterName({ gpu: g, otherwise }: { gpu: { name: string; software: boolean } | null; otherwise: string }) {
  return (
    <p class="device" data-testid="adapter" title="The GPU that computes here">
      <span class={`dot ${g ? 'on' : ''}`} aria-hidden="true" />
      {g ? `${g.name}${g.software ? ' (software: slow)' : ''}` : otherwise}
    </p>
  );
}
