// The model's tokenizer over the wire, by the names that lm-evaluation-harness asks for (tokenizer_backend=remote), as vLLM has them.

import { DETOKENIZE, requested, TOKENIZE } from './requests.ts';
import { checkIds, json, modelNamed, type Reply, refusing, type Service } from './service.ts';

export async function tokenize(s: Service, body: string): Promise<Reply> {
  const { model, prompt, add_special_tokens: special } = requested(TOKENIZE, body);
  modelNamed(s, model);
  const tokens = await refusing('prompt', async () => s.opened.tokenizer.encode(prompt, { special }));
  return json({ tokens, count: tokens.length, max_model_len: s.capacity });
}

export function detokenize(s: Service, body: string): Reply {
  const { model, tokens } = requested(DETOKENIZE, body);
  modelNamed(s, model);
  checkIds(s, tokens, 'tokens');
  return json({ prompt: s.opened.tokenizer.decode(tokens, { skip_special: false }) });
}

export function tokenizerInfo({ opened, capacity }: Service): Reply {
  const { named, chatTemplate, vocab_size } = opened.tokenizer;
  const { bos_token = null, eos_token = null, pad_token = null } = named;
  return json({
    ...named,
    bos_token,
    eos_token,
    pad_token,
    vocab_size,
    model_max_length: capacity,
    chat_template: chatTemplate ?? null,
  });
}
