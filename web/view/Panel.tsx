// A titled part of the page.

import type { ComponentChildren } from 'preact';

interface PanelProps {
  name: string;
  title: string;
  note?: string;
  wide?: boolean;
  /** What stands in it has tools beside its title. */
  tooled?: boolean;
  children: ComponentChildren;
}

export function Panel({ name, title, note, wide, tooled, children }: PanelProps) {
  return (
    <section class={`panel ${wide ? 'wide' : ''} ${tooled ? 'tooled' : ''}`} aria-labelledby={`${name}-title`} data-testid={name}>
      <header>
        <h2 id={`${name}-title`}>{title}</h2>
        {note && <p class="note">{note}</p>}
      </header>
      {children}
    </section>
  );
}
