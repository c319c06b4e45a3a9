// Buttons that choose files or a folder, as labels of hidden inputs, so that keys reach them and the browser's own dialogue opens.

import { type ComponentChildren, createRef } from 'preact';
import { useEffect } from 'preact/hooks';
import { chosenFiles } from '../drop.ts';
import type { Dropped } from '../files.ts';

interface Props {
  children: ComponentChildren;
  folder?: boolean;
  several?: boolean;
  testid: string;
  take: (files: Dropped[]) => void;
}

export function Files({ children, folder, several, testid, take }: Props) {
  const input = createRef<HTMLInputElement>();
  useEffect(() => {
    if (input.current) input.current.webkitdirectory = Boolean(folder);
  }, [folder]);
  const changed = (e: Event) => {
    const target = e.currentTarget as HTMLInputElement;
    const files = chosenFiles(target.files);
    if (files.length) take(files);
    target.value = ''; // the same file chosen again is a change again
  };
  return (
    <label class="button small file">
      {children}
      <input ref={input} type="file" class="spoken" multiple={several} onChange={changed} data-testid={testid} />
    </label>
  );
}
