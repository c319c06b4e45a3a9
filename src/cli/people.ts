// A run's lines as people read them, in the order in which they come: what was found, memory, progress, blocks, figures, the end.

import type { CostLine } from '../commands/cost-rows.ts';
import { type Verb, withDefaults } from '../options/table.ts';
import type { Line } from '../report.ts';
import { bytes, count, duration, percent, rate, several } from '../words.ts';
import { answersTable } from './answers.ts';
import type { Command } from './command.ts';
import { comparisonTable, movedWords, resultWords } from './compared.ts';
import { costTable } from './cost.ts';
import { endOf } from './end.ts';
import { memoryBar, methodTable, type PlanLine, planTable } from './memory.ts';
import { chosen, picture } from './picture.ts';
import type { Progress } from './progress.ts';
import { pairedWords, taskWords } from './task-words.ts';
import { LABEL, padded, paint, sparkline, type Terminal, wrapped } from './terminal.ts';

interface Seen {
  model: Extract<Line, { kind: 'model' }> | null;
  plans: PlanLine[];
  costs: CostLine[];
  phase: string;
  total: number;
  losses: number[];
  /** The phase's last steps. */
  recent: { tokens: number; ms: number }[];
  /** The first row of the phase, which waited for kernels, and when it was done. */
  first: { done: number; at: number } | null;
  /** Of a task. */
  answers: { right: number; all: number };
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
    phase: '',
    total: 0,
    losses: [],
    recent: [],
    first: null,
    answers: { right: 0, all: 0 },
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
    Object.assign(seen, { phase, total, losses: [], recent: [], first: null });
    const name = PHASES[phase];
    if (name) progress.start(name, total, 'compiling kernels');
    else progress.stop();
  },
  progress({ seen, progress }, { done }) {
    const { right, all } = seen.answers;
    const what = { eval: 'rows', answers: `${percent(right / Math.max(1, all))} right` }[seen.phase] ?? 'prompts answered';
    progress.tick(done, what + remaining(seen, done));
  },
  warmup({ t, seen, progress }, { step, loss, tokens, ms }) {
    advance(seen, loss, tokens, ms);
    progress.tick(step, `loss ${loss.toFixed(3)} ${spark(t, seen)}${left(seen, step)}`);
  },
  selection({ t, command, seen, progress, say, tell }, line) {
    progress.stop();
    say('blocks', chosen(line));
    if (!seen.model) return;
    const targets = targetModules(command, seen.model);
    for (const text of picture(t, line, seen.model, targets)) tell(`${' '.repeat(LABEL)}${text}`);
  },
  step({ t, seen, progress, say }, { step, loss, input_tokens, ms, skipped }) {
    advance(seen, loss, input_tokens, ms);
    const { tokens, ms: time } = recently(seen);
    const speed = `  ${rate((tokens / time) * 1000)} tokens/s`;
    if (skipped) say('', `step ${step}: the gradient was not finite, so the step was skipped`);
    progress.tick(step, `loss ${loss.toFixed(3)} ${spark(t, seen)}${speed}${left(seen, step)}`);
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
  check({ t, answer }, { name, ok, state, detail }) {
    const word = state === 'lacking' ? '  -  ' : paint(t, ok ? 'green' : 'red', state);
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
  blocks_update({ command, say }, { blocks }) {
    if (command.verb !== 'compare') say('moved', movedWords(blocks));
  },
  rates({ say }, { tried, lr }) {
    const told = tried.map((t) => `${t.lr} ${t.loss === null ? 'breaks' : t.loss.toFixed(3)}`).join(', ');
    say('rates', `${lr} of ${told} (loss after a few steps)`);
  },
  explained({ say }, { matrices, overlap }) {
    const all = matrices.reduce((sum, m) => sum + m.score, 0) || 1;
    const share = (x: number) => `${(100 * x).toFixed(1)} %`.padStart(8);
    say('matrix', `${'scores'.padStart(28)}     fair   global   matrix (shares of the matrix that are chosen)`);
    for (const m of matrices)
      say(
        '',
        `${`layer ${m.layer}`.padEnd(9)} ${m.module.padEnd(10)}${share(m.score / all)} ${share(m.fair)} ${share(m.global)} ${share(m.matrix)}`,
      );
    const { fair_global, fair_matrix, global_matrix } = overlap;
    say(
      'overlap',
      `fair and global ${share(fair_global).trim()}, fair and matrix ${share(fair_matrix).trim()}, global and matrix ${share(global_matrix).trim()}`,
    );
  },
  stability({ say }, line) {
    const chance = `${percent(line.by_chance)} by chance`;
    say(
      'steady',
      `the halves of the warm-up agree in ${percent(line.halves)} of the blocks (${chance}), and with the whole in ${line.whole.map(percent).join(' and ')}`,
    );
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

/** Phases that are followed by a bar. */
const PHASES: Partial<Record<string, string>> = {
  warmup: 'warm-up',
  train: 'train',
  eval: 'score',
  before: 'before',
  after: 'after',
  answers: 'answers',
};

/** Learned text: in colour, line by line, or within marks where there is none. */
function tinted(t: Terminal, text: string): string {
  if (!t.colors) return `${t.unicode ? '«' : '<<'}${text}${t.unicode ? '»' : '>>'}`;
  return text
    .split('\n')
    .map((line) => paint(t, 'green', line))
    .join('\n');
}

function advance(seen: Seen, loss: number, tokens: number, ms: number): void {
  seen.losses.push(loss);
  seen.recent.push({ tokens, ms });
  // the first step waits for kernels to be compiled, and for those queued behind it
  if (seen.losses.length === 5 || seen.recent.length > 16) seen.recent.shift();
}

function recently({ recent }: Seen): { tokens: number; ms: number } {
  return recent.reduce((sum, r) => ({ tokens: sum.tokens + r.tokens, ms: sum.ms + r.ms }), { tokens: 0, ms: 0 });
}

const spark = (t: Terminal, seen: Seen) => paint(t, 'cyan', sparkline(t, seen.losses, 16));

function left(seen: Seen, step: number): string {
  if (step < 2 || step >= seen.total) return '';
  const each = recently(seen).ms / seen.recent.length;
  return `  ${duration((each * (seen.total - step)) / 1000)} left`;
}

/** Time that the rows of a phase still take, at the pace of those since the first. */
function remaining(seen: Seen, done: number): string {
  const now = performance.now();
  seen.first ??= { done, at: now };
  const { done: from, at } = seen.first;
  if (done === from || done >= seen.total) return '';
  return `  ${duration((((now - at) / (done - from)) * (seen.total - done)) / 1000)} left`;
}
