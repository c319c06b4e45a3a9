// How far a phase is: on a terminal one line that is drawn over, elsewhere plain lines a few per cent apart.

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

export function progress(t: Terminal): Progress {
  return t.live ? drawn(t) : printed();
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
  const tail = widthOf(detail) > room ? fitted(t, detail, Math.max(0, room)) : detail;
  return `${paint(t, 'bold', padded(name, LABEL))}${bar(t, total ? done / total : 0, width)} ${count}  ${tail}`;
}

/** Lines of a phase without a terminal: the first, the last, and so many between. */
const LINES = 20;

function printed(): Progress {
  let phase: Phase | null = null;
  let last = 0;
  const write = (text: string) => process.stderr.write(`${text}\n`);
  const print = () => {
    if (phase && phase.done !== last) write(`${padded(phase.name, LABEL)}${phase.done}/${phase.total}  ${phase.detail}`);
    last = phase?.done ?? 0;
  };
  return {
    start(name, total) {
      print();
      phase = { name, total, done: 0, detail: '' };
      last = 0;
    },
    tick(done, detail) {
      if (!phase) return;
      Object.assign(phase, { done, detail });
      if (done === 1 || done - last >= phase.total / LINES || done === phase.total) print();
    },
    aside: (say) => say(),
    stop() {
      print();
      phase = null;
    },
  };
}
