// What of a conversation a template has the model learn, held against the messages themselves: whose text it is, where it ends.
import { assistantSpans } from '../../src/data/chat.ts';
import { chat, type Message } from '../../src/data/template.ts';

export interface Talk {
  name: string;
  messages: Message[];
  tools?: unknown[];
}

/** The end of templates that leave it to the tokenizer to say it, where that is not </s>. */
export const EOS: Record<string, string> = {
  'MadeAgents/Hammer2.1': '<|im_end|>',
  'Qwen/Qwen1.5-72B-Chat': '<|im_end|>',
  'TheBloke/deepseek-coder-33B-instruct-AWQ': '<|EOT|>',
  'codellama/CodeLlama-70b-Instruct-hf': '<step>',
  'CohereLabs/c4ai-command-a-03-2025': '<|END_OF_TURN_TOKEN|>',
  'CohereForAI/c4ai-command-r-v01 (JSON Schema)': '<|END_OF_TURN_TOKEN|>',
  'zai-org/GLM-5.1': '<|user|>',
};

/** A conversation under a template: raises where the template does, refused where its turns cannot be told, else its faults. */
export type Outcome = 'raises' | 'refused' | string[];

export function outcomeOf(template: string, named: Record<string, string>, eos: string, { messages, tools }: Talk): Outcome {
  const ask = chat(template, { ...named, eos_token: eos });
  const extras = { tools: tools ?? null };
  try {
    ask(messages, false, extras);
  } catch {
    return 'raises';
  }
  let turns: ReturnType<typeof assistantSpans>;
  try {
    turns = assistantSpans(messages, ask, { eos, extras });
  } catch {
    return 'refused';
  }
  const { text, spans } = turns;
  const answers = messages.filter(({ role }) => role === 'assistant');
  const learned = spans.map(({ from, to }) => text.slice(from, to));
  const faults: string[] = [];
  if (spans.length !== answers.length) faults.push(`${spans.length} spans for ${answers.length} answers`);
  let at = 0;
  let outside = '';
  for (const { from, to } of spans) {
    outside += text.slice(at, from);
    at = to;
  }
  outside += text.slice(at);
  learned.forEach((part, i) => {
    const words = String(answers[i].content ?? '')
      .split('</think>')
      .at(-1)!
      .trim();
    if (words !== '' && part.split(words).length !== 2 && words !== 'yes')
      faults.push(`${JSON.stringify(part)} without "${words}" once`);
    const after = part.slice(part.lastIndexOf(words) + words.length);
    // an end mark is one tag or none, but for templates that write two
    if (!(answers[i].tool_calls || /^\s*(<[^<>]+>\s*){0,2}$/.test(after)))
      faults.push(`${JSON.stringify(part)} goes on after "${words}"`);
    if (/question|be brief|rain|assistant\W|CHATBOT|user\W/i.test(part.replace(/<\|user\|>$/, '')) && !answers[i].tool_calls)
      faults.push(`${JSON.stringify(part)} has what is not the model's`);
  });
  if (/answer (one|two|three)/.test(outside)) faults.push('an answer that is not learned');
  return faults;
}
