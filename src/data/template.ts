/**
 * Templates that turn a row's fields into the text a model reads: Alpaca's published one, and a model's own chat template
 * (Jinja). Which part of a conversation is learned is chat.ts.
 */
import { Template } from '@huggingface/jinja';

export interface Message {
  role: string;
  content: string;
  [field: string]: unknown;
}

/** Alpaca's prompt for an instruction, with or without an input; the response follows it directly. */
export function alpaca(instruction: string, input = ''): string {
  return input === ''
    ? `Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Response:`
    : `Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\n${instruction}\n\n### Input:\n${input}\n\n### Response:`;
}

/** Renders a chat template (Jinja) with the names that transformers gives it; throws with the template's own complaint. */
export function render(template: string, names: Record<string, unknown>): string {
  try {
    return compiled(template).render(names);
  } catch (error) {
    throw new Error(
      `expected the model's chat template to accept the conversation, got "${(error as Error).message}"; ` +
        'change the roles or their order, or give another template with --template FILE',
    );
  }
}

/** The text of a conversation, with the start of an assistant turn at its end where generation is asked for. */
export type Chat = (messages: Message[], add_generation_prompt: boolean) => string;

/** A chat template with the model's named tokens. The date is the one templates fall back to: the same text every day. */
export function chat(template: string, named: Record<string, string>): Chat {
  const fixed = { ...named, date_string: '26 Jul 2024', tools: null, documents: null };
  return (messages, add_generation_prompt) => render(template, { ...fixed, messages, add_generation_prompt });
}

let last: { text: string; template: Template } | undefined;

function compiled(text: string): Template {
  if (last?.text !== text) last = { text, template: new Template(text) };
  return last.template;
}
