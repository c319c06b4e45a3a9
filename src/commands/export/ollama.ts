// The Modelfile that Ollama makes a model of, beside an exported GGUF.

import { chat } from '../../data/template.ts';
import { nodeFs } from '../../io/bytes.ts';
import { modelfile, type Render } from '../../io/modelfile.ts';
import { writeFile } from '../../io/write.ts';
import { endsOf, type OpenModel } from '../../parts.ts';
import type { Report } from '../../report.ts';

/** Writes it; where another is there already, under the file's own name. */
export async function writeModelfile(opened: OpenModel, out: string, report: Report): Promise<void> {
  const { tokenizer } = opened;
  const [, folder = '', name] = /^(.*[\\/])?([^\\/]+)$/.exec(out)!;
  const stops = endsOf(opened).map((id) => tokenizer.decode([id], { skip_special: false }));
  const { text, template } = modelfile(name, renderOf(opened), stops.filter(Boolean));
  const { readFile } = await nodeFs();
  const there = await readFile(`${folder}Modelfile`, 'utf8').catch(() => undefined);
  const place = there === undefined || there === text ? `${folder}Modelfile` : `${out.replace(/\.gguf$/, '')}.Modelfile`;
  await writeFile(place, text, { force: true });
  const without = tokenizer.chatTemplate && !template ? ', without a TEMPLATE, as this one cannot be said there' : '';
  report({ kind: 'note', text: `for Ollama: ollama create NAME -f ${place}${without}` });
}

/** The chat template, without the token that llama.cpp puts before every text itself. */
function renderOf({ tokenizer }: OpenModel): Render | undefined {
  const { chatTemplate, named } = tokenizer;
  if (!chatTemplate) return undefined;
  const write = chat(chatTemplate, named);
  return (messages) => {
    const { text } = write(messages, true);
    return named.bos_token && text.startsWith(named.bos_token) ? text.slice(named.bos_token.length) : text;
  };
}
