// A model card: README.md with the front matter that hubs read, then of what, how and by which command the files were made.
import type { FileToWrite } from './write.ts';

export interface Card {
  /** peft for an adapter, transformers for a whole model, transformers.js for one as ONNX. */
  library: 'peft' | 'transformers' | 'transformers.js';
  /** The base, as hubs name it. */
  base: string;
  /** Whether anything was trained onto it. */
  tuned: boolean;
  /** Tags beside those of every card. */
  tags?: string[];
  /** What is told of it: data, settings, held-out figures. */
  facts: [what: string, value: string][];
  /** The command that wrote the files. */
  command: string;
}

/** The card as a file. */
export function cardFile({ library, base, tuned, facts, command, tags: more = [] }: Card): FileToWrite {
  const kind = library === 'peft' ? 'adapter' : 'finetune';
  const tags = [...(tuned ? [`base_model:${kind}:${base}`] : []), ...more, 'transformers', 'blocktune'];
  const front = [
    `base_model: ${JSON.stringify(base)}`,
    `library_name: ${library}`,
    'pipeline_tag: text-generation',
    'tags:',
    ...tags.map((tag) => `- ${JSON.stringify(tag)}`),
  ];
  const what = library === 'peft' ? 'An adapter' : tuned ? 'The model with what was trained merged in' : 'The model';
  const table = facts.length
    ? ['', '| | |', '|-|-|', ...facts.map(([name, value]) => `| ${name} | ${value.replaceAll('|', '\\|')} |`)]
    : [];
  const text = [
    '---',
    ...front,
    '---',
    '',
    `# ${base.split('/').at(-1)}${tuned ? ', tuned' : ''}`,
    '',
    `${what}${tuned ? ` of a run of blocktune on ${base}` : ''}.`,
    ...table,
    '',
    'Made by',
    '',
    `    ${command}`,
    '',
  ];
  return { name: 'README.md', chunks: text.join('\n') };
}

/** A model's name as a hub has it: OWNER/NAME of an address there, else the last part of its place. */
export function hubName(place: string): string {
  const hub = /^hf:([^/]+\/[^/]+)/.exec(place) ?? /^https?:\/\/[^/]+\/([^/]+\/[^/]+)\/resolve\//.exec(place);
  return (
    hub?.[1] ??
    place
      .split(/[\\/]/)
      .filter(Boolean)
      .at(-1)!
      .replace(/\.gguf$/, '')
  );
}
