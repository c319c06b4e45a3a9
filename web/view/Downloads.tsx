// Files to download, each with its name and its size.

import { bytes } from '../format.ts';

export interface Download {
  name: string;
  size: number;
  href: string;
}

export function Downloads({ files }: { files: readonly Download[] }) {
  return (
    <ul>
      {files.map(({ name, size, href }) => (
        <li key={name}>
          <a class="button small" href={href} download={name}>
            Download
          </a>
          <p class="file">
            <span>{breakable(name)}</span>
            <span class="size">{bytes(size)}</span>
          </p>
        </li>
      ))}
    </ul>
  );
}

/** A name that is broken before its ending, where it must be. */
const breakable = (name: string) => name.split(/(?=\.)/).flatMap((part) => [<wbr key={part} />, part]);
