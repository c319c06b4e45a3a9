// The end of a run: what was made, where it is, and three commands to try next.

import type { Line } from '../report.ts';
import { duration, rate, several } from '../words.ts';
import type { Command } from './command.ts';
import { LABEL, padded, paint, type Terminal } from './terminal.ts';

export function endOf(t: Terminal, { verb, options }: Command, line: Extract<Line, { kind: 'done' }>): string[] {
  const { out, steps, seconds, tokens_per_second } = line;
  const label = (name: string) => paint(t, 'bold', padded(name, LABEL));
  const ran = `${several(steps, 'step')} in ${duration(seconds)}, ${rate(tokens_per_second)} tokens/s`;
  if (verb === 'merge' || verb === 'export') return [`${label('done')}${out}`];
  if (!out)
    return [
      `${label('done')}${ran}; ${steps ? 'not saved, as --out was not given' : 'nothing was trained, and so nothing saved'}`,
    ];
  const isModel = line.made === 'model';
  return [
    `${label('done')}${ran}`,
    `${label(isModel ? 'model' : 'adapter')}${paint(t, 'bold', out)}`,
    '',
    'Try next',
    ...(verb === 'demo' ? afterDemo(out) : isModel ? afterModel(out, options) : afterAdapter(out, options)).map(
      (c) => `  ${paint(t, 'cyan', c)}`,
    ),
  ];
}

function afterAdapter(out: string, { model, data }: Command['options']): string[] {
  const base = `${model ? ` --model ${quoted(model)}` : ''} --adapter ${quoted(out)}`;
  return [
    `npx blocktune generate${base} --prompt "${model || data ? 'Once upon a time' : EXAMPLE}"`,
    `npx blocktune eval${base}${dataOf(data)}`,
    `npx blocktune merge${base} --out ${quoted(`${out.replace(/\/+$/, '')}-merged`)}`,
  ];
}

function afterDemo(out: string): string[] {
  return [
    `npx blocktune generate --adapter ${quoted(out)} --prompt "${EXAMPLE}"`,
    `npx blocktune inspect ${quoted(out)}`,
    'npx blocktune train --model hf:HuggingFaceTB/SmolLM2-135M-Instruct --data YOUR.jsonl --out adapter',
  ];
}

/** A prompt for the built-in model. */
const EXAMPLE = 'Make it a question: The owl can sing.';

function afterModel(out: string, { data }: Command['options']): string[] {
  return [
    `npx blocktune generate --model ${quoted(out)} --prompt "Once upon a time"`,
    `npx blocktune eval --model ${quoted(out)}${dataOf(data)}`,
    `npx blocktune inspect ${quoted(out)}`,
  ];
}

const dataOf = (data: string[] | undefined) => (data ? ` --data ${data.map(quoted).join(' ')}` : '');

const quoted = (path: string) => (/^[\w./:@%+=-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
