// What the server serves: a model with its adapters, its tokenizer, and the desk at which answers are made. And what every kind of
// request asks of it first: the model by its name, prompts as ids that fit.

import { type Desk, type OpenModel, promptIds } from '../../parts.ts';
import { refusal } from './refusal.ts';
import type { Prompt } from './requests.ts';

export interface Service {
  desk: Desk;
  opened: OpenModel;
  /** Names that a request may ask by; the first is the base, which is meant where none is given. */
  models: readonly string[];
  /** Tokens of a prompt and its answer together at most. */
  capacity: number;
  /** The ids of a conversation, by the model's template. */
  conversation(record: Record<string, unknown>): Promise<ArrayLike<number>>;
  /** A seed for a request that gives none, for so many answers. */
  seed(answers: number): number;
  /** When it began, in seconds since 1970. */
  since: number;
}

/** What a request came as, and what is sent back. */
export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body: string | AsyncIterable<string>;
}

/** Seconds since 1970. */
export const now = () => Math.floor(Date.now() / 1000);

export const json = (value: unknown, status = 200): Reply => ({ status, body: JSON.stringify(value) });

/** The model of this name. */
export function modelNamed({ models }: Service, asked?: string | null): string {
  const name = asked ?? models[0];
  if (models.includes(name)) return name;
  throw refusal(404, `expected the model ${models.join(' or ')}, got "${name}"; GET /v1/models lists them`, {
    param: 'model',
    code: 'model_not_found',
  });
}

/** A prompt's ids: of a text as the tokenizer begins one, ids as they are. */
export async function idsOf({ opened }: Service, prompt: Prompt): Promise<ArrayLike<number>> {
  if (typeof prompt !== 'string') {
    checkIds({ opened }, prompt, 'prompt');
    return prompt;
  }
  return refusing('prompt', () => promptIds(opened, prompt, false, { template: 'plain' }));
}

/** Refuses ids that the model has no token for. */
export function checkIds({ opened }: Pick<Service, 'opened'>, ids: readonly number[], param: string): void {
  const { vocab_size } = opened.files.config;
  const odd = ids.find((id) => id < 0 || id >= vocab_size);
  if (odd !== undefined)
    throw refusal(400, `${param}: expected token ids from 0 to below ${vocab_size}, got ${odd}; leave it out`, { param });
}

/** Refuses a prompt that leaves no room for its answer. */
export function checkFits({ capacity }: Service, prompt: number, answer: number): void {
  if (prompt < 1)
    throw refusal(
      400,
      'prompt: expected at least a token, got a text that has none, as this model begins texts with none; write something',
      {
        param: 'prompt',
      },
    );
  if (prompt + answer <= capacity) return;
  throw refusal(
    400,
    `This model's maximum context length is ${capacity} tokens, got ${prompt} in the prompt and ${answer} asked for as its answer; ` +
      'shorten the prompt, ask for fewer, or start the server with more --positions',
    { param: 'prompt', code: 'context_length_exceeded' },
  );
}

/** What fails by what was asked is a refusal of that field. */
export async function refusing<T>(param: string, f: () => Promise<T>): Promise<T> {
  try {
    return await f();
  } catch (e) {
    throw refusal(400, (e as Error).message, { param });
  }
}
