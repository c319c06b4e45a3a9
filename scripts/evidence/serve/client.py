"""What the openai package makes of the server, as JSON lines {"what", "ok", "got"}: python3 client.py URL PROMPT. Each check holds an answer
against another that has to be the same, or against what the package itself says of it."""
import json
import sys

import openai

url, prompt = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


def tell(what, ok, got=None):
    print(json.dumps({"what": what, "ok": bool(ok), "got": got}))


names = [m.id for m in client.models.list()]
tell("models", names == ["base"] and client.models.retrieve("base").id == "base", names)

o = dict(model="base", prompt=prompt, temperature=0, max_tokens=24)
whole = client.completions.create(**o, logprobs=2)
said = whole.choices[0]
lp = said.logprobs
tell("completion", len(said.text) > 3 and said.finish_reason in ("stop", "length"), said.text)
tell("usage", whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens)
best = [max(top.values()) == x for top, x in zip(lp.top_logprobs, lp.token_logprobs)]
# an end that the model says itself is a token without text
tokens = [t for t, at in zip(lp.tokens, lp.text_offset) if at < len(said.text)]
tell("logprobs", "".join(tokens) == said.text and len(lp.tokens) == whole.usage.completion_tokens and all(x <= 0 for x in lp.token_logprobs) and all(best))

parts = list(client.completions.create(**o, logprobs=2, stream=True))
text = "".join(c.text for part in parts for c in part.choices)
lps = [x for part in parts for c in part.choices for x in c.logprobs.token_logprobs]
tell("completion streamed is the same", len(parts) > 3 and text == said.text and lps == lp.token_logprobs, len(parts))

stop = said.text[len(said.text) // 2:][:2]
stopped = client.completions.create(**o, stop=[stop, "never said"]).choices[0]
tell("stop", stopped.text == said.text[:said.text.index(stop)] and stopped.finish_reason == "stop", stopped.text)

echo = client.completions.create(model="base", prompt=prompt, temperature=0, max_tokens=1, echo=True, logprobs=1).choices[0]
tell("echo with logprobs", echo.text.startswith(prompt) and echo.logprobs.token_logprobs[0] is None
     and len(echo.logprobs.token_logprobs) == whole.usage.prompt_tokens + 1)

draw = dict(o, temperature=1.5, seed=7, n=3)
drawn = [c.text for c in client.completions.create(**draw).choices]
tell("n and seed", drawn == [c.text for c in client.completions.create(**draw).choices] and len(set(drawn)) > 1, drawn)

c = dict(model="base", messages=[{"role": "user", "content": prompt}], temperature=0, max_tokens=16)
chat = client.chat.completions.create(**c, logprobs=True, top_logprobs=3)
told = chat.choices[0].logprobs.content
tell("chat", chat.choices[0].message.role == "assistant" and len(chat.choices[0].message.content) > 3, chat.choices[0].message.content)
tell("chat logprobs", all(t.top_logprobs[0].logprob == t.logprob and len(t.top_logprobs) == 3 for t in told))
streamed = "".join(p.choices[0].delta.content or "" for p in client.chat.completions.create(**c, stream=True))
tell("chat streamed is the same", streamed == chat.choices[0].message.content)

for what, kind, asked in [
    ("unknown model", openai.NotFoundError, dict(o, model="none")),
    ("prompt too long", openai.BadRequestError, dict(o, prompt=[3] * 5000)),
    ("what is not done here", openai.BadRequestError, dict(o, presence_penalty=1)),
]:
    try:
        client.completions.create(**asked)
        tell(f"error: {what}", False)
    except kind as e:
        tell(f"error: {what}", bool(e.message and e.body["type"]), e.body["message"])
