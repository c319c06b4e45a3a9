// Ollama's Modelfile beside a GGUF: the file, the chat template in Ollama's own language, what ends an answer. The template is found by
// what the model's own writes around messages: where every message of a role is written alike, the same can be said of it there.

/** Writes a conversation as the model's chat template does, with the beginning of an answer. */
export type Render = (messages: { role: string; content: string }[]) => string;

/** The text of a Modelfile; undefined as `template` where the model's cannot be said, or there is none. */
export function modelfile(file: string, render: Render | undefined, stops: string[]): { text: string; template?: string } {
  const said = render && templateOf(render);
  const lines = [
    `FROM ./${file}`,
    ...(said ? [`TEMPLATE """${said.template}"""`, ...(said.system ? [`SYSTEM """${said.system}"""`] : [])] : []),
    ...stops.map((stop) => `PARAMETER stop ${JSON.stringify(stop)}`),
  ];
  return { text: `${lines.join('\n')}\n`, template: said?.template };
}

interface Said {
  template: string;
  /** What the model's template says for the system where nobody does. */
  system?: string;
}

/** What stands before and after a message of each role, how an answer begins, and the system message where there is none. */
interface Around {
  roles: Record<string, [before: string, after: string]>;
  opening: string;
  system?: string;
}

const [SYSTEM, USER, ANSWER, MORE] = ['@system@', '@user@', '@answer@', '@more@'];
const say = (role: string, content: string) => ({ role, content });

function templateOf(render: Render): Said | undefined {
  const around = aroundOf(render);
  if (!around) return undefined;
  const { roles, opening, system } = around;
  const parts = Object.entries(roles).map(
    ([role, [before, after]], i) => `{{ ${i ? 'else ' : ''}if eq .Role "${role}" }}${before}{{ .Content }}${after}`,
  );
  return { template: `{{ range .Messages }}${parts.join('')}{{ end }}{{ end }}${opening}`, system };
}

/** Found on one conversation, and held against others; undefined where any comes out otherwise, or cannot be written. */
function aroundOf(render: Render): Around | undefined {
  const [system, user, answer, more] = [say('system', SYSTEM), say('user', USER), say('assistant', ANSWER), say('user', MORE)];
  try {
    const [head, afterSystem, between, afterAnswer, tail] = render([system, user, answer, more]).split(/@\w+@/);
    const mark = beginning(head, afterSystem);
    const cut = (text: string): [string, string] => [text.slice(0, text.lastIndexOf(mark)), text.slice(text.lastIndexOf(mark))];
    const [endSystem, beforeUser] = cut(afterSystem);
    const [endUser, beforeAnswer] = cut(between);
    const around: Around = {
      roles: { system: [head, endSystem], user: [beforeUser, endUser], assistant: [beforeAnswer, cut(afterAnswer)[0]] },
      opening: cut(tail)[1],
    };
    const alone = render([user]);
    const silent = alone.slice(0, alone.indexOf(beforeUser + USER));
    if (silent) around.system = silent.slice(head.length, silent.length - endSystem.length);
    const tries = [[user], [user, answer, more], [system, user], [system, user, answer, more]];
    const right = mark !== '' && tries.every((messages) => written(around, messages) === render(messages));
    return right && !/\{\{|"""/.test(JSON.stringify(around)) ? around : undefined;
  } catch {
    return undefined; // a template that takes no such conversation
  }
}

/** The longest beginning of a message that stands within the text between two. */
function beginning(head: string, between: string): string {
  for (let n = head.length; n > 0; n--) if (between.includes(head.slice(0, n))) return head.slice(0, n);
  return '';
}

/** What Ollama makes of a conversation by the template. */
function written({ roles, opening, system }: Around, messages: { role: string; content: string }[]): string {
  const all = system !== undefined && messages[0].role !== 'system' ? [say('system', system), ...messages] : messages;
  return all.map(({ role, content }) => roles[role][0] + content + roles[role][1]).join('') + opening;
}
