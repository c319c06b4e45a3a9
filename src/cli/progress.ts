// How far a phase is: on a terminal one line that is drawn over, elsewhere a plain line now and then.

import process from 'node:process';
import { SingleBar } from 'cli-progress';
import { bar, fitted, LABEL, padded, paint, type Terminal, widthOf } from './terminal.ts';

export interface Progress {
  /** Begins a phase of `total` parts; one that runs ends first. */
  start(name: string, total: number, detail?: string): void;
  /** Parts done so far, and what else is to be said of them. */
  tick(done: number, detail: string): void;
  /** Lets something be written above the progress. */
  aside(write: () => void): void;
  stop(): void;
}

/** Where plain lines go, and the clock in ms. */
interface Where {
  write(text: string): void;
  now(): number;
}

const HERE: Where = { write: (text) => process.stderr.write(text), now: () => performance.now() };

export function progress(t: Terminal, where = HERE): Progress {
  return t.live ? drawn(t) : printed(where);
}

interface Phase {
  name: string;
  total: number;
  done: number;
  detail: string;
}

function drawn(t: Terminal): Progress {
  let phase: Phase | null = null;
  let shown: SingleBar | null = null;
  const draw = () => {
    if (!phase || shown) return;
    // its own handler of Ctrl-C would end the program where the run wants to save
    const format = () => (phase ? lineOf(t, phase) : '');
    shown = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, gracefulExit: false, fps: 8 });
    shown.start(phase.total, phase.done);
  };
  const erase = () => {
    shown?.stop();
    shown = null;
  };
  return {
    start(name, total, detail = '') {
      this.stop();
      phase = { name, total, done: 0, detail };
      draw();
    },
    tick(done, detail) {
      if (!phase) return;
      Object.assign(phase, { done, detail });
      shown?.update(done);
    },
    aside(write) {
      erase();
      write();
      draw();
    },
    stop() {
      erase();
      if (phase?.done) process.stderr.write(`${lineOf(t, phase)}\n`); // what was reached stays on the screen
      phase = null;
    },
  };
}

function lineOf(t: Terminal, { name, total, done, detail }: Phase): string {
  const count = `${String(done).padStart(String(total).length)}/${total}`;
  const rest = LABEL + 2 + count.length + 2 + widthOf(detail);
  const width = Math.max(6, Math.min(30, t.width - rest - 2));
  const room = t.width - 1 - (LABEL + width + 2 + count.length + 2);
  const tail = widthOf(detail) > room ? fitted(t, detail, room) : detail;
  return `${paint(t, 'bold', padded(name, LABEL))}${bar(t, total ? done / total : 0, width)} ${count}  ${tail}`;
}

/** A line is due after a tenth of the work, or after so many seconds. */
const SECONDS = 10;

function printed({ write, now }: Where): Progress {
  let phase: Phase | null = null;
  let last = { done: 0, at: 0 };
  const print = () => {
    if (!phase || phase.done === last.done) return;
    write(`${padded(phase.name, LABEL)}${phase.done}/${phase.total}  ${phase.detail}\n`);
    last = { done: phase.done, at: now() };
  };
  return {
    start(name, total) {
      print();
      phase = { name, total, done: 0, detail: '' };
      last = { done: 0, at: now() };
    },
    tick(done, detail) {
      if (!phase) return;
      Object.assign(phase, { done, detail });
      const tenth = (n: number) => Math.floor((10 * n) / phase!.total);
      if (tenth(done) > tenth(last.done) || now() - last.at >= 1000 * SECONDS) print();
    },
    aside: (say) => say(),
    stop() {
      print();
      phase = null;
    },
  };
}
