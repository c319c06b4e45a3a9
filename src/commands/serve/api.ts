// The paths of the server and what each answers. How many requests are open at once, how long one may take, who may ask: all of it here
// or in guard.ts; sockets are the host's.

import { converse } from './chat.ts';
import { complete } from './completions.ts';
import { type Guard, type Head, refused } from './guard.ts';
import { ended, errorBody, refusal } from './refusal.ts';
import { json, modelNamed, type Reply, type Service } from './service.ts';
import { detokenize, tokenize, tokenizerInfo } from './tokens.ts';

/** Bytes of a body and how long a client may take for it, requests that are open at once, and how long one may take, at most. */
export const LIMITS = { body: 8 << 20, bodySeconds: 60, open: 256, seconds: 600 };

/** What a host calls: `admits` before it reads the body; a reply there is the answer. signal: nobody waits any longer. */
export interface Api {
  admits(head: Head): Reply | null;
  answers(head: Head, body: string, signal: AbortSignal): Promise<Reply>;
}

type Handler = (s: Service, body: string, signal: AbortSignal) => Reply | Promise<Reply>;

const PATHS: Record<string, Partial<Record<string, Handler>>> = {
  '/health': { GET: (s) => (s.desk.closed ? json({ status: 'ending' }, 503) : json({ status: 'ok' })) },
  '/v1/models': { GET: (s) => json({ object: 'list', data: s.models.map((name) => cardOf(s, name)) }) },
  '/v1/completions': { POST: complete },
  '/v1/chat/completions': { POST: converse },
  '/tokenize': { POST: tokenize },
  '/detokenize': { POST: detokenize },
  '/tokenizer_info': { GET: tokenizerInfo },
};
const MODEL = '/v1/models/';

/** The server's answers. ending: aborted when the server ends, and with it whatever is open. */
export function newApi(s: Service, guard: Guard, ending: AbortSignal): Api {
  let open = 0;
  return {
    admits(head) {
      try {
        const fault = refused(guard, head);
        if (fault) throw fault;
        const handlers = handlersOf(head);
        if (!handlers[head.method]) throw wrongMethod(head, handlers);
        if (head.method === 'POST' && !/^application\/json\b/i.test(head.headers['content-type'] ?? ''))
          throw refusal(
            415,
            'expected a body of the type application/json, got another; send the header Content-Type: application/json',
          );
        if (ending.aborted) throw ended();
        if (open >= LIMITS.open)
          throw refusal(429, `expected at most ${LIMITS.open} requests at once, got one more; ask again when some are answered`, {
            code: 'rate_limit_exceeded',
          });
        return null;
      } catch (e) {
        return errorBody(e);
      }
    },
    async answers(head, body, signal) {
      open++;
      const limited = timeLimit();
      const any = AbortSignal.any([signal, ending, limited.signal]);
      const done = () => {
        open--;
        limited.clear();
      };
      try {
        const reply = await handlersOf(head)[head.method]!(s, body, any);
        if (typeof reply.body === 'string') done();
        else return { ...reply, body: then(reply.body, done) };
        return reply;
      } catch (e) {
        done();
        return errorBody(e);
      }
    },
  };
}

/** The answer to a body of more bytes than are read; null to others. */
export function tooLarge(bytes: number, most: number): Reply | null {
  if (bytes <= most) return null;
  return errorBody(
    refusal(413, `expected a body of at most ${most} bytes, got more; ask for less at a time`, { code: 'request_too_large' }),
  );
}

/** The answer to a body that does not come. */
export const tooSlow = (seconds: number): Reply =>
  errorBody(refusal(408, `expected the whole body within ${seconds} s, got a part of it; send it again`, { code: 'timeout' }));

const pathOf = ({ path }: Head) => path.split('?')[0];

function handlersOf(head: Head): Partial<Record<string, Handler>> {
  const path = pathOf(head);
  if (Object.hasOwn(PATHS, path)) return PATHS[path];
  const name = path.startsWith(MODEL) ? path.slice(MODEL.length) : '';
  if (name) return { GET: (s) => json(cardOf(s, modelNamed(s, decoded(name)))) };
  const known = Object.keys(PATHS).join(' ');
  throw refusal(404, `expected one of the paths ${known}, got "${path}"; correct the address`, { code: 'unknown_url' });
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

function wrongMethod(head: Head, handlers: object): Error {
  const methods = Object.keys(handlers).join(' or ');
  return refusal(405, `expected ${methods} for ${pathOf(head)}, got ${head.method}; use that`);
}

const cardOf = ({ since, capacity }: Service, id: string) => ({
  ...{ id, object: 'model', created: since, owned_by: 'blocktune', max_model_len: capacity },
});

function timeLimit(): { signal: AbortSignal; clear(): void } {
  const limit = new AbortController();
  const words = `expected an answer within ${LIMITS.seconds} s, got none; ask for less at a time`;
  const timer = setTimeout(() => limit.abort(refusal(504, words, { code: 'timeout' })), 1000 * LIMITS.seconds);
  return { signal: limit.signal, clear: () => clearTimeout(timer) };
}

/** The same, and `done` when it is over or nobody reads on. */
async function* then(body: AsyncIterable<string>, done: () => void): AsyncGenerator<string> {
  try {
    yield* body;
  } finally {
    done();
  }
}
