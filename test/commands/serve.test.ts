// The server against PyTorch: log-probabilities of prompts, greedy answers, adapters as PEFT applies them, each by its name and none
// leaving a trace; what is answered to several at once; who may not ask, and what is refused. All over real sockets, in this process.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import '../compare.ts';
import { root } from '../cli/tiny.ts';
import { type Golden, loadGolden } from '../goldens/load.ts';
import { ask, characterOf, eventsOf, goldenFolder, type Server, serve } from './served.ts';

const VOCABULARY = 127;
const CHAT =
  '{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}';
const folder = goldenFolder('qwen3', VOCABULARY, CHAT);
const peft = (name: string) => join(root, 'test/goldens/peft', name);
const textOf = (ids: number[]) => ids.map(characterOf).join('');

let server: Server;
let golden: Golden;
beforeAll(async () => {
  golden = await loadGolden('qwen3');
  const adapters = ['--adapter', `dora=${peft('qwen3-dora')}`, '--adapter', `rs=${peft('qwen3-rslora')}`];
  server = await serve(['--model', folder.model, ...adapters]);
});
afterAll(async () => {
  await server.end();
  folder.free();
});

/** What lm-evaluation-harness asks: log-probabilities of rows, and whether each token is the likeliest. */
async function scored(model: string, prompt: number[][]) {
  const body = { model, prompt, temperature: 0, max_tokens: 1, logprobs: 1, seed: 1234, echo: true };
  const { status, json } = await ask(server, '/v1/completions', body);
  expect(status, JSON.stringify(json)).toBe(200);
  return json.choices.map((c: any) => c.logprobs) as {
    tokens: string[];
    token_logprobs: (number | null)[];
    top_logprobs: (Record<string, number> | null)[];
    text_offset: number[];
  }[];
}

const completion = (more: object) => ask(server, '/v1/completions', { model: 'base', temperature: 0, max_tokens: 12, ...more });

test('what is served is said, and planned is allocated', async () => {
  expect(server.models).toEqual(['base', 'dora', 'rs']);
  const { json } = await ask(server, '/v1/models');
  expect(json.data.map((m: any) => [m.id, m.object, m.max_model_len])).toEqual(server.models.map((id) => [id, 'model', 128]));
  expect((await ask(server, '/v1/models/rs')).json.id).toBe('rs');
  expect((await ask(server, '/health')).json).toEqual({ status: 'ok' });
  const memory = server.lines.find((line) => line.kind === 'memory')!;
  expect(memory.allocated).toBe(memory.planned);
});

describe('log-probabilities', () => {
  test('of every token of a prompt are those of the logits that PyTorch has', async () => {
    const [{ input_ids: ids }] = golden.rows;
    const [{ tokens, token_logprobs, top_logprobs, text_offset }] = await scored('base', [ids]);
    const { data } = golden.tensors.get('logits')!;
    const logprobs = ids.map((_, t) => {
      const row = Float64Array.from(data.subarray(t * VOCABULARY, (t + 1) * VOCABULARY));
      const log = Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0));
      return row.map((x) => x - log);
    });
    const best = logprobs.map((row) => row.indexOf(Math.max(...row)));
    expect([token_logprobs[0], top_logprobs[0]]).toEqual([null, null]);
    expect(tokens).toHaveLength(ids.length + 1);
    const next = [...ids.slice(1), best.at(-1)!];
    expect(token_logprobs.slice(1)).toBeAllclose(
      next.map((id, t) => logprobs[t][id]),
      { rtol: 1e-5, atol: 1e-6 },
    );
    // the largest of the likeliest is the token's own float where it is the likeliest
    const greedy = token_logprobs.slice(1).map((x, t) => x === Math.max(...Object.values(top_logprobs[t + 1]!)));
    expect(greedy).toEqual(next.map((id, t) => id === best[t]));
    expect(greedy.at(-1)).toBe(true);
    expect(text_offset).toHaveLength(tokens.length);
  });

  test.each([
    ['base', undefined],
    ['dora', 'qwen3-dora'],
    ['rs', 'qwen3-rslora'],
  ])('of every row by %s are those of transformers and PEFT', async (model, adapter) => {
    const rows = golden.rows.map(({ input_ids, labels }) => ({ ids: input_ids, labels }));
    const got = await scored(
      model,
      rows.map(({ ids }) => ids),
    );
    const sums = rows.map(({ labels }, r) =>
      labels.reduce((sum, label, t) => (t === 0 || label === -100 ? sum : sum + got[r].token_logprobs[t]!), 0),
    );
    const base = golden.eval.map(([logprob]) => logprob);
    const want: number[] = adapter ? JSON.parse(readFileSync(join(peft(adapter), 'golden.json'), 'utf8')).start : base;
    expect(sums).toBeCloseL2(want, 1e-5);
    if (adapter) expect(Math.abs(sums[0] - base[0])).toBeGreaterThan(1e-3);
  });

  test('of the base are the same bits after adapters as before', async () => {
    const rows = golden.rows.map(({ input_ids }) => input_ids);
    const before = await scored('base', rows);
    for (const model of ['dora', 'rs', 'dora']) expect(await scored(model, rows)).not.toEqual(before);
    expect(await scored('base', rows)).toEqual(before);
  });

  test('of several at once, by all models: each as alone', async () => {
    const rows = golden.rows.map(({ input_ids }) => input_ids);
    const numbers = async (model: string, prompt: number[][]) =>
      (await scored(model, prompt)).flatMap((l) => l.token_logprobs.filter((x) => x !== null));
    const alone: number[] = [];
    for (const ids of rows) for (const model of server.models) alone.push(...(await numbers(model, [ids])));
    const together = await Promise.all(rows.flatMap((ids) => server.models.map((model) => numbers(model, [ids]))));
    expect(together.flat()).toBeAllclose(alone, { rtol: 1e-5, atol: 1e-6 });
  });
});

describe('answers', () => {
  test.each([0, 1, 2])('greedily are those of PyTorch: prompt %i', async (i) => {
    const { prompt, new: want } = golden.greedy[i];
    const { json } = await completion({ prompt, max_tokens: want.length, logprobs: 0 });
    expect(json.choices[0]).toMatchObject({ index: 0, text: textOf(want), finish_reason: 'length' });
    expect(json.choices[0].logprobs.tokens).toEqual(want.map(characterOf));
    expect(json.usage).toEqual({
      prompt_tokens: prompt.length,
      completion_tokens: want.length,
      total_tokens: prompt.length + want.length,
    });
  });

  test('a text is asked as its ids are, several as each alone, in their order', async () => {
    const prompts = golden.greedy.map(({ prompt }) => prompt);
    const { json } = await completion({ prompt: prompts.map(textOf) });
    expect(json.choices.map((c: any) => [c.index, c.text])).toEqual(
      golden.greedy.map(({ new: ids }, i) => [i, textOf(ids.slice(0, 12))]),
    );
    expect((await completion({ prompt: prompts })).json.choices).toEqual(json.choices);
  });

  test('the log-probability of what is answered is that of the prompt which holds it', async () => {
    const { prompt, new: ids } = golden.greedy[1];
    const [answered] = (await completion({ prompt, logprobs: 2 })).json.choices;
    const [held] = await scored('base', [[...prompt, ...ids.slice(0, 12)]]);
    expect(answered.logprobs.token_logprobs).toBeAllclose(held.token_logprobs.slice(prompt.length, -1) as number[], {
      rtol: 1e-4,
      atol: 1e-5,
    });
    for (const top of answered.logprobs.top_logprobs) expect(Object.keys(top)).toHaveLength(2);
  });

  test('echo puts the prompt before it, with its own log-probabilities', async () => {
    const { prompt, new: ids } = golden.greedy[0];
    const [choice] = (await completion({ prompt, echo: true, logprobs: 1, max_tokens: 3 })).json.choices;
    expect(choice.text).toBe(textOf([...prompt, ...ids.slice(0, 3)]));
    expect(choice.logprobs.tokens.join('')).toBe(choice.text);
    expect(choice.logprobs.text_offset).toEqual([...choice.text].map((_, i) => i));
    const [none] = (await completion({ prompt, echo: true, max_tokens: 0 })).json.choices;
    expect([none.text, none.finish_reason]).toEqual([textOf(prompt), 'length']);
  });

  test('a stop text ends it and is not said, however it is cut into tokens', async () => {
    const { prompt, new: ids } = golden.greedy[1]; // says 5 different tokens and more
    const whole = textOf(ids.slice(0, 12));
    const stop = whole.slice(2, 5);
    const [choice] = (await completion({ prompt, stop: ['never said', stop], logprobs: 0 })).json.choices;
    expect([choice.text, choice.finish_reason]).toEqual([whole.slice(0, whole.indexOf(stop)), 'stop']);
    expect(choice.logprobs.tokens.join('')).toBe(choice.text);
    // one that begins and does not go on is said after all
    const [said] = (await completion({ prompt, stop: `${whole.slice(-2)}beyond` })).json.choices;
    expect([said.text, said.finish_reason]).toEqual([whole, 'length']);
  });

  test('drawn by chance: the same seed says the same, another another, n differ', async () => {
    const draw = async (more: object) =>
      (await completion({ prompt: golden.greedy[0].prompt, temperature: 1.5, ...more })).json.choices.map((c: any) => c.text);
    const [first] = await draw({ seed: 7 });
    expect(await draw({ seed: 7 })).toEqual([first]);
    expect(await draw({ seed: 8 })).not.toEqual([first]);
    const several = await draw({ seed: 7, n: 4 });
    expect(several[0]).toBe(first);
    expect(new Set(several).size).toBe(4);
    expect(await draw({})).not.toEqual(await draw({}));
    expect(await draw({ seed: 7, top_p: 1e-6 })).toEqual(
      (await completion({ prompt: golden.greedy[0].prompt })).json.choices.map((c: any) => c.text),
    );
  });

  test('streamed is the same, piece by piece', async () => {
    const { prompt } = golden.greedy[2];
    const o = { prompt: [prompt, golden.greedy[1].prompt], logprobs: 1, stream: true, stream_options: { include_usage: true } };
    const { status, json } = await completion(o);
    expect(status).toBe(200);
    const events = eventsOf(json);
    const { json: whole } = await completion({ ...o, stream: undefined, stream_options: undefined });
    expect(events.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    for (const choice of whole.choices) {
      const own = events.flatMap((e) => e.choices).filter((c) => c.index === choice.index);
      expect(own.length).toBeGreaterThan(10);
      expect(own.map((c) => c.text).join('')).toBe(choice.text);
      expect(own.flatMap((c) => c.logprobs.token_logprobs)).toEqual(choice.logprobs.token_logprobs);
      expect(own.map((c) => c.finish_reason).filter(Boolean)).toEqual([choice.finish_reason]);
    }
    expect(new Set(events.map((e) => e.id)).size).toBe(1);
  });

  test('more at once than there are places, by all models, long and short: each as alone', async () => {
    const all = Array.from({ length: 24 }, (_, i) => ({
      ...{
        model: server.models[i % 3],
        prompt: golden.rows[i % 12].input_ids,
        max_tokens: 1 + ((7 * i) % 40),
        temperature: i % 2,
        seed: i,
      },
    }));
    const alone: string[] = [];
    for (const one of all) alone.push((await completion(one)).json.choices[0].text);
    const together = await Promise.all(all.map(async (one) => (await completion(one)).json.choices[0].text));
    expect(together).toEqual(alone);
  });
});

describe('chats', () => {
  const messages = [{ role: 'user', content: 'Hello you' }];
  const chat = (more: object = {}) => ask(server, '/v1/chat/completions', { messages, temperature: 0, max_tokens: 9, ...more });

  test('are prompts by the template', async () => {
    const { json } = await chat();
    const { json: plain } = await completion({ prompt: 'user: Hello you\nassistant: ', max_tokens: 9 });
    expect(json.choices[0]).toMatchObject({
      message: { role: 'assistant', content: plain.choices[0].text },
      finish_reason: 'length',
      logprobs: null,
    });
    expect([json.object, json.model, json.usage]).toEqual(['chat.completion', 'base', plain.usage]);
  });

  test('streamed are the same, with the likeliest tokens', async () => {
    const o = { logprobs: true, top_logprobs: 3, n: 2 };
    const { json } = await chat(o);
    const events = eventsOf((await chat({ ...o, stream: true })).json).flatMap((e) => e.choices);
    for (const { index, message, logprobs, finish_reason } of json.choices) {
      const own = events.filter((c) => c.index === index);
      expect(own[0].delta).toEqual({ role: 'assistant', content: '' });
      expect(own.map((c) => c.delta.content ?? '').join('')).toBe(message.content);
      expect(own.flatMap((c) => c.logprobs?.content ?? [])).toEqual(logprobs.content);
      expect(own.at(-1)).toMatchObject({ delta: {}, finish_reason });
      for (const { token, logprob, bytes, top_logprobs } of logprobs.content) {
        expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(token);
        expect(top_logprobs).toHaveLength(3);
        expect(top_logprobs[0].logprob).toBe(logprob); // greedy
      }
    }
  });
});

test('the tokenizer over the wire', async () => {
  const { json } = await ask(server, '/tokenize', { prompt: 'Hi!', add_special_tokens: false });
  expect(json).toEqual({ tokens: [72 - 29, 105 - 29, 33 - 29], count: 3, max_model_len: 128 });
  expect((await ask(server, '/detokenize', { tokens: [1, ...json.tokens, 2] })).json).toEqual({ prompt: '<s>Hi!</s>' });
  expect((await ask(server, '/tokenizer_info')).json).toMatchObject({
    bos_token: '<s>',
    eos_token: '</s>',
    pad_token: null,
    chat_template: CHAT,
  });
});
