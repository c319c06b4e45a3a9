// A server in this process, on a golden model in a folder of its own, and requests to it. No test in here.

import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { listen } from '../../src/cli/http.ts';
import { LOAD } from '../../src/cli/verbs.ts';
import { parseCommand } from '../../src/options/args.ts';
import { withDefaults } from '../../src/options/table.ts';
import type { Line } from '../../src/report.ts';
import { newFolder, root } from '../cli/tiny.ts';

export interface Server {
  url: string;
  models: string[];
  lines: Line[];
  /** Ends it as a signal does. */
  end(): Promise<void>;
}

/** Starts `serve WORDS...` on a free port. */
export async function serve(words: string[]): Promise<Server> {
  const parsed = parseCommand(['serve', ...(words.includes('--port') ? [] : ['--port', '0']), ...words]);
  if (parsed.kind !== 'run') throw new Error(`expected a command, got ${'text' in parsed ? parsed.text : parsed.kind}`);
  const stop = new AbortController();
  const lines: Line[] = [];
  const verb = await LOAD.serve();
  return new Promise((there, failed) => {
    const report = (line: Line) => {
      lines.push(line);
      if (line.kind === 'listening') there({ url: line.url, models: line.models, lines, end });
    };
    const ran = verb({ o: withDefaults(parsed.options), files: [], report, signal: stop.signal, listen });
    ran.catch(failed);
    const end = () => {
      stop.abort();
      return ran;
    };
  });
}

/** A golden's model with a tokenizer for it: a token for each printable character, then special ones. */
export function goldenFolder(family: string, vocab_size: number, chat_template?: string) {
  const folder = newFolder();
  const model = folder.at('model');
  mkdirSync(model);
  const golden = join(root, 'test/goldens', family, 'model');
  for (const name of ['config.json', 'model.safetensors']) cpSync(join(golden, name), join(model, name));
  // ids as the golden has them: 1 begins, 2 ends
  const special = ['<unk>', '<s>', '</s>'];
  const tokens = Array.from({ length: vocab_size }, (_, id) => special[id] ?? characterOf(id));
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const added_tokens = special.map((content, id) => {
    return { id, content, special: true, normalized: false, lstrip: false, rstrip: false, single_word: false };
  });
  const json = {
    version: '1.0',
    added_tokens,
    normalizer: null,
    pre_tokenizer: { type: 'Split', pattern: { Regex: '[\\s\\S]' }, behavior: 'Isolated', invert: false },
    post_processor: null,
    decoder: { type: 'Fuse' },
    model: { type: 'WordLevel', vocab, unk_token: '<unk>' },
  };
  writeFileSync(join(model, 'tokenizer.json'), JSON.stringify(json));
  const config = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', chat_template };
  writeFileSync(join(model, 'tokenizer_config.json'), JSON.stringify(config));
  return { ...folder, model };
}

/** The character that an id stands for: letters of Latin, one each. */
export const characterOf = (id: number) => String.fromCharCode(id < 98 ? id + 29 : id + 63);

/** What a server answers, whatever that is. */
export async function ask(
  { url }: Pick<Server, 'url'>,
  path: string,
  body?: unknown,
  more: RequestInit = {},
): Promise<{ status: number; json: any }> {
  const init = body === undefined ? {} : { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) };
  const headers = { 'content-type': 'application/json', ...(more.headers as Record<string, string>) };
  const answer = await fetch(url + path, { ...init, ...more, headers });
  const text = await answer.text();
  return { status: answer.status, json: text.startsWith('{') ? JSON.parse(text) : text };
}

/** The events of a streamed answer. */
export function eventsOf(text: string): any[] {
  const events = text.split('\n\n').filter(Boolean);
  if (events.pop() !== 'data: [DONE]') throw new Error(`expected a stream that ends by [DONE], got ${text}`);
  return events.map((event) => JSON.parse(event.replace(/^data: /, '')));
}

/** The status of a request with any headers, which fetch does not let one choose. */
export function statusOf(
  { url }: Pick<Server, 'url'>,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
): Promise<number> {
  const { port } = new URL(url);
  return new Promise((done, failed) => {
    const heard = (answer: IncomingMessage) => {
      answer.resume();
      done(answer.statusCode!);
    };
    const options = { host: '127.0.0.1', port, path, headers, method };
    const asked = method === 'GET' ? get(options, heard) : request(options, heard).end();
    asked.on('error', failed);
  });
}
