// A run's lines as people read them, in the order in which they come: what was found, memory, progress, blocks, figures, the end.

import type { CostLine } from '../commands/cost-rows.ts';
import { type Verb, withDefaults } from '../options/table.ts';
import type { Line } from '../report.ts';
import { bytes, count, percent, rate, several } from '../words.ts';
import { answersTable } from './answers.ts';
import type { Command } from './command.ts';
import { comparisonTable, movedWords, resultWords } from './compared.ts';
import { costTable } from './cost.ts';
import { endOf } from './end.ts';
import { explainedTable, stabilityWords } from './explained.ts';
import { memoryBar, methodTable, type PlanLine, planTable } from './memory.ts';
import { advance, newPace, type Pace, timeOfRows, timeOfSteps, tokensPerSecond } from './pace.ts';
import { chosen, picture } from './picture.ts';
import type { Progress } from './progress.ts';
import { pairedWords, taskWords } from './task-words.ts';
import { LABEL, padded, paint, sparkline, type Terminal, wrapped } from './terminal.ts';

interface Seen {
  model: Extract<Line, { kind: 'model' }> | null;
  plans: PlanLine[];
  costs: CostLine[];
  pace: Pace;
  /** Of a task. */
  answers: { right: number; all: number };
  /** Kernels, of `doctor`. */
  checked: number;
}

export interface People {
  line(line: Line): void;
  close(): void;
}

/** Where lines go: `answer` takes what was asked for (a table, figures), `raw` a model's own text, `tell` what is said on the way. */
interface Out {
  tell(text: string): void;
  answer(text: string): void;
  raw(text: string): void;
}

export function forPeople(t: Terminal, command: Command, progress: Progress, { tell, answer, raw }: Out): People {
  const seen: Seen = {
    model: null,
    plans: [],
    costs: [],
    pace: newPace(),
    answers: { right: 0, all: 0 },
    checked: 0,
  };
  // what is read in a terminal is broken at its edge; a log keeps a line a sentence
  const broken = (text: string) => (t.live ? wrapped(text, t.width - LABEL - 1) : [text]);
  const say = (name: string, text: string) =>
    broken(text).forEach((line, i) => tell(paint(t, 'bold', padded(i ? '' : name, LABEL)) + line));
  const show: Show = { t, command, seen, progress, say, tell, answer, raw };
  return {
    line: (line) => (TELL[line.kind] as (s: Show, l: Line) => void)(show, line),
    close() {
      progress.stop();
      if (command.verb === 'plan' && seen.plans.length)
        for (const text of command.options.table
          ? methodTable(t, seen.plans, withDefaults(command.options).rank)
          : planTable(t, seen.plans))
          answer(text);
      if (seen.costs.length) for (const text of costTable(t, seen.costs)) answer(text);
    },
  };
}

interface Show extends Out {
  t: Terminal;
  command: Command;
  seen: Seen;
  progress: Progress;
  /** A line with a label. */
  say(name: string, text: string): void;
}

/** Verbs whose remarks are their answer. */
const REMARKS_ARE_THE_ANSWER: Verb[] = ['inspect', 'doctor', 'bench'];

const TELL: { [K in Line['kind']]: (s: Show, line: Extract<Line, { kind: K }>) => void } = {
  device({ say }, { name, software }) {
    say('device', `${name}${software ? ', which runs on the processor' : ''}`);
  },
  model({ seen, say }, line) {
    seen.model = line;
    say('model', `${line.name}: ${count(line.parameters)} parameters, ${several(line.layers, 'layer')}`);
  },
  note({ command, say, answer }, { text, about = '' }) {
    if (REMARKS_ARE_THE_ANSWER.includes(command.verb)) return answer(text);
    say(command.verb === 'plan' && !about ? 'model' : about, text);
  },
  warning({ t, tell }, { text }) {
    tell(`${paint(t, 'yellow', 'warning')}  ${text}`);
  },
  plan(s, line) {
    const { seen, command, t } = s;
    const before = seen.plans.find((p) => p.program === line.program);
    seen.plans.push(line);
    if (command.verb === 'plan' || before || line.program === 'warmup') return;
    s.say('memory', `${line.bound ? 'at most ' : ''}${bytes(line.bytes.total)}`);
    for (const text of memoryBar(t, line.bytes, t.width - LABEL - 1)) s.say('', text);
  },
  cost({ seen }, line) {
    seen.costs.push(line);
  },
  memory({ t, tell }, { program, planned, allocated }) {
    if (planned !== allocated)
      tell(`${paint(t, 'yellow', 'warning')}  ${program}: planned ${planned} bytes, allocated ${allocated}`);
  },
  start({ seen, progress }, { phase, total }) {
    seen.pace = newPace(phase, total);
    const name = PHASES[phase];
    if (name) progress.start(name, total, 'compiling kernels');
    else progress.stop();
  },
  progress({ seen, progress }, { done }) {
    const { right, all } = seen.answers;
    const what = { eval: 'rows', answers: `${percent(right / Math.max(1, all))} right` }[seen.pace.phase] ?? 'prompts answered';
    progress.tick(done, what + timeOfRows(seen.pace, done));
  },
  warmup({ t, seen: { pace }, progress }, { step, loss, tokens, ms }) {
    advance(pace, loss, tokens, ms);
    progress.tick(step, `loss ${loss.toFixed(3)} ${curve(t, pace)}${timeOfSteps(pace, step)}`);
  },
  selection({ t, command, seen, progress, say, tell }, line) {
    progress.stop();
    say('blocks', chosen(line));
    if (!seen.model) return;
    const targets = targetModules(command, seen.model);
    for (const text of picture(t, line, seen.model, targets)) tell(`${' '.repeat(LABEL)}${text}`);
  },
  step({ t, seen: { pace }, progress, say }, { step, loss, input_tokens, ms, skipped }) {
    advance(pace, loss, input_tokens, ms);
    if (skipped) say('', `step ${step}: the gradient was not finite, so the step was skipped`);
    const speed = `${rate(tokensPerSecond(pace))} tokens/s`;
    progress.tick(step, `loss ${loss.toFixed(3)} ${curve(t, pace)}  ${speed}${timeOfSteps(pace, step)}`);
  },
  eval({ command, say, answer }, { step, loss, perplexity, tokens, guard }) {
    const text = `loss ${loss.toFixed(4)}  perplexity ${perplexity.toPrecision(4)}  ${several(tokens, 'token')}`;
    if (command.verb === 'eval') answer(text);
    else say(guard ? 'guard' : 'held out', `${text}${step ? `, after step ${step}` : ''}`);
  },
  example({ answer }, { index, logprob, tokens }) {
    answer(`row ${index}  logprob ${logprob.toFixed(4)}  ${several(tokens, 'token')}`);
  },
  answer({ seen }, { right }) {
    seen.answers.all++;
    if (right) seen.answers.right++;
  },
  task({ seen, progress, answer }, line) {
    progress.stop();
    seen.answers = { right: 0, all: 0 };
    answer(taskWords(line));
  },
  leak({ say, tell, t }, { task, rows, found }) {
    const text = `${task}: ${found} of ${several(rows, 'prompt')} stand in the training data`;
    if (found) tell(`${paint(t, 'yellow', 'warning')}  ${text}: figures on them say nothing of what was learned`);
    else say('leak', text);
  },
  paired({ progress, answer }, line) {
    progress.stop();
    answer(pairedWords(line));
  },
  generation({ raw }, { text }) {
    raw(text);
  },
  row({ t, command, answer }, { index, ids, learned, cut, parts = [] }) {
    if (command.options.out) return;
    const facts = [several(ids.length, 'token'), `${count(learned)} learned`, cut > 0 && `${count(cut)} cut off`];
    answer(`${paint(t, 'bold', `row ${index}`)}  ${facts.filter(Boolean).join(', ')}`);
    answer(parts.map((part) => (part.learned ? tinted(t, part.text) : part.text)).join(''));
  },
  bench({ say }, { name, layout, shape, ms, gflops, ratio }) {
    const speed = [ms !== null && `${ms.toPrecision(3)} ms`, gflops !== null && `${gflops.toPrecision(3)} GFLOP/s`];
    const share = ratio !== null && (gflops === null ? `${ratio.toFixed(2)} x` : `${percent(ratio)} of the peak`);
    say('', [name, layout, shape, ...speed, share].filter(Boolean).join('  '));
  },
  // hundreds are right: the bar counts them, and what is not is told
  check({ t, seen, progress, answer }, { name, ok, state, detail }) {
    progress.tick(++seen.checked, name);
    if (seen.checked === seen.pace.total) progress.stop();
    if (state === 'right') return;
    const word = ok ? '  -  ' : paint(t, 'red', state);
    answer(`${word}  ${name}${detail ? `  ${detail}` : ''}`);
  },
  listening({ progress, say }, { url, models }) {
    progress.stop();
    say('serving', `${models.join(', ')} at ${url}/v1; Ctrl-C ends it`);
  },
  file({ t, answer }, { path, ok, error }) {
    answer(ok ? `${paint(t, 'green', 'sound')}    ${path}` : `${paint(t, 'red', 'unsound')}  ${path}: ${error}`);
  },
  skills({ t, progress, command, tell }, line) {
    progress.stop();
    if (command.verb === 'demo') for (const text of answersTable(t, line)) tell(text);
  },
  blocks_update({ command, progress, say }, { blocks }) {
    progress.stop();
    if (command.verb !== 'compare') say('moved', movedWords(blocks));
  },
  rates({ say }, { tried, lr }) {
    const told = tried.map((t) => `${t.lr} ${t.loss === null ? 'breaks' : t.loss.toFixed(3)}`).join(', ');
    say('rates', `${lr} of ${told} (loss after a few steps)`);
  },
  explained({ say }, line) {
    for (const [label, text] of explainedTable(line)) say(label, text);
  },
  stability({ say }, line) {
    say('steady', stabilityWords(line));
  },
  run({ say, progress }, { index, of, method, size, seed, lr }) {
    progress.stop();
    say('run', `${index} of ${of}: ${[method, size, `lr ${lr}`, `seed ${seed}`].filter(Boolean).join(', ')}`);
  },
  result({ say, progress }, line) {
    progress.stop();
    say('', resultWords(line));
  },
  comparison({ t, progress, answer }, line) {
    progress.stop();
    for (const text of comparisonTable(t, line)) answer(text);
  },
  replay({ say, progress }, { equal, steps }) {
    progress.stop();
    if (equal) say('replay', `bit-equal: ${several(steps, 'step')}, and every byte that is left`);
  },
  exported({ progress, say }, { bytes: size, rows, worst }) {
    progress.stop();
    say('checked', `${bytes(size)}, opened again: log-probabilities of ${several(rows, 'row')} within ${worst.toPrecision(2)}`);
  },
  done({ t, command, progress, tell }, line) {
    progress.stop();
    for (const text of endOf(t, command, line)) tell(text);
  },
};

/** Modules that blocks were to be chosen from; all, where the options do not say it. */
function targetModules({ verb, options }: Command, { modules }: { modules: object }): string[] {
  if (verb === 'demo' || verb === 'replay') return Object.keys(modules);
  return options.selection ? [] : withDefaults(options).targets.map((name) => `${name}_proj`);
}

const curve = (t: Terminal, { losses }: Pace) => paint(t, 'cyan', sparkline(t, losses, 16));

/** Phases that are followed by a bar. */
const PHASES: Partial<Record<string, string>> = {
  warmup: 'warm-up',
  train: 'train',
  eval: 'score',
  before: 'before',
  after: 'after',
  answers: 'answers',
  checks: 'kernels',
};

/** Learned text: in colour, line by line, or within marks where there is none. */
function tinted(t: Terminal, text: string): string {
  if (!t.colors) return `${t.unicode ? '«' : '<<'}${text}${t.unicode ? '»' : '>>'}`;
  return text
    .split('\n')
    .map((line) => paint(t, 'green', line))
    .join('\n');
}
