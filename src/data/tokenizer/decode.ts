/** Decoders of a tokenizer.json: tokens back to text. Unknown ones are refused by name. */
import { bytesOfLetters } from './bytes.ts';
import { patternOf, replaced, replacementOf } from './pattern.ts';

export type Decode = (tokens: string[]) => string[];

const text = new TextDecoder('utf-8', { ignoreBOM: true });
const strictText = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** The function of a decoder's settings; none puts spaces between tokens. */
export function decoderOf(json: any): Decode {
  if (json === null || json === undefined) return (tokens) => [tokens.join(' ')];
  switch (json.type) {
    case 'Sequence': {
      const parts: Decode[] = json.decoders.map(decoderOf);
      return (tokens) => parts.reduce((t, part) => part(t), tokens);
    }
    case 'ByteLevel':
      return (tokens) => [text.decode(Uint8Array.from(tokens.flatMap((token) => [...bytesOfLetters(token)])))];
    case 'Metaspace': {
      const replacement = replacementOf(json);
      const prefixed = (json.prepend_scheme ?? (json.add_prefix_space === false ? 'never' : 'always')) !== 'never';
      return (tokens) => tokens.map((token, i) => token.replaceAll(replacement, i === 0 && prefixed ? '' : ' '));
    }
    case 'Replace': {
      const pattern = patternOf(json.pattern, 'decoder Replace');
      return (tokens) => tokens.map((token) => replaced(token, pattern, json.content));
    }
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Strip':
      return (tokens) => tokens.map((token) => stripped([...token], json));
    case 'BPEDecoder':
      return (tokens) => tokens.map((t, i) => t.replaceAll(json.suffix ?? '</w>', i === tokens.length - 1 ? '' : ' '));
    case 'WordPiece':
      return (tokens) => tokens.map((token, i) => wordPiece(token, i, json));
  }
  throw new Error(`expected a decoder that is known here, got ${JSON.stringify(json.type)}`);
}

/** Bytes side by side are a text where they are UTF-8, else a mark for each. */
function byteFallback(tokens: string[]): string[] {
  const out: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    try {
      out.push(strictText.decode(Uint8Array.from(bytes)));
    } catch {
      out.push(...bytes.map(() => '\uFFFD'));
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) bytes.push(Number.parseInt(byte, 16));
    else {
      flush();
      out.push(token);
    }
  }
  flush();
  return out;
}

function stripped(chars: string[], { content, start, stop }: { content: string; start: number; stop: number }): string {
  let [from, to] = [0, chars.length];
  while (from < Math.min(start, chars.length) && chars[from] === content) from++;
  for (let i = 0; i < stop && to > 0 && chars[to - 1] === content; i++) to--;
  return chars.slice(from, Math.max(from, to)).join('');
}

function wordPiece(token: string, i: number, { prefix = '##', cleanup = true }: any): string {
  const joined = i === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
  return cleanup ? cleanedUp(joined).replaceAll(' do not', " don't") : joined;
}

/** No space before stops and English endings: for people, where a tokenizer asks for it. */
export function cleanedUp(text: string): string {
  const endings = [' .', ' ?', ' !', ' ,', " ' ", " n't", " 'm", " 's", " 've", " 're"];
  return endings.reduce((t, ending) => t.replaceAll(ending, ending.trim()), text);
}
