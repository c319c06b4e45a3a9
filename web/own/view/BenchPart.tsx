// The head of a part of the bench: its number among those that are shown (bench.css counts them), its name, and how it stands.

import type { ComponentChildren } from 'preact';
import { running } from '../store.ts';

interface Props {
  id: string;
  title: string;
  note?: string;
  wide?: boolean;
  /** What stands in it has tools beside its title. */
  tooled?: boolean;
  children: ComponentChildren;
}

export function BenchPart({ id, title, note, wide, tooled, children }: Props) {
  return (
    <section class={`panel ${wide ? 'wide' : ''} ${tooled ? 'tooled' : ''}`} aria-labelledby={`${id}-title`} data-testid={id}>
      <header>
        <h2 id={`${id}-title`}>
          <span class="number" /> {title}
        </h2>
        {note && <p class="note">{note}</p>}
      </header>
      {children}
    </section>
  );
}

/** Why nothing else can be chosen, for the pointer: a line of text would move what is below as a run begins and ends. */
export const busyTitle = () => (running.value ? 'A run is under way: stop it to choose another.' : undefined);

/** What went wrong, in a sentence of its own. */
export function Fault({ text, testid, children }: { text: string; testid?: string; children?: ComponentChildren }) {
  return (
    <div class="fault" role="alert" data-testid={testid}>
      <p>{text}</p>
      {children}
    </div>
  );
}
