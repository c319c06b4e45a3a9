// Runs that ended on this model and data: their curves over one another, their figures as a table, and the other methods at a click.

import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { bytes, count, duration, grouped } from '../../format.ts';
import { onScheme, variable } from '../../view/colours.ts';
import { Panel } from '../../view/Panel.tsx';
import { usePlotter } from '../../view/plot.ts';
import { compareAll } from '../actions.ts';
import { overlaid, type Past } from '../history.ts';
import { comparing, model, past, running } from '../store.ts';
import { SideBySide } from './SideBySide.tsx';

const HEIGHT = 240;
/** Colours of the curves by turns, as the style sheet has them. */
const INKS = ['accent', 'm-gradients', 'm-activations', 'm-logits', 'm-moments', 'm-kv'];
const inkOf = (number: number) => INKS[(number - 1) % INKS.length];

export function History() {
  const runs = past.value;
  const c = comparing.value;
  const busy = running.value || model.value.state !== 'there';
  return (
    <Panel name="runs" title="Runs so far" note="On this model and data, as long as this tab has them" wide>
      {runs.length > 1 && <Curves runs={runs} />}
      {/* it scrolls sideways on a narrow screen, so keys must reach it */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region is reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="Runs as a table">
        <table class="runs">
          <thead>
            <tr>
              {['Run', 'Trains', 'Steps', 'Mean loss', 'Held-out loss', 'Right before, after', 'GPU memory', 'Speed', 'Time'].map(
                (name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {runs.map((r) => (
              <Figures key={r.number} run={r} />
            ))}
          </tbody>
        </table>
      </section>
      <SideBySide runs={runs} />
      <div class="choices">
        <button type="button" class="button small" onClick={() => compareAll('size')} disabled={busy} data-testid="compare">
          Run all methods at this size
        </button>
        <button
          type="button"
          class="button small"
          onClick={() => compareAll('time')}
          disabled={busy}
          data-testid="compare-time"
          title="As long as this one takes, by a constant learning rate"
        >
          at this size, for the same time
        </button>
        {c && c.left > 1 && busy && <span class="hint">{grouped(c.left - 1)} more to come</span>}
      </div>
      {c?.said.map((text) => (
        <p key={text} class="hint">
          {text}
        </p>
      ))}
    </Panel>
  );
}

function Figures({ run: r }: { run: Past }) {
  const figure = (x: number | null) => (x === null ? '–' : x.toFixed(3));
  return (
    <tr>
      <th scope="row">
        <i class="swatch" style={{ background: `var(--${inkOf(r.number)})` }} /> {r.number}. {r.method}{' '}
        <small>{r.settings}</small>
      </th>
      <td>{r.trainable === null ? '–' : count(r.trainable)}</td>
      <td>{grouped(r.steps.length)}</td>
      <td>{figure(r.loss)}</td>
      <td>{figure(r.heldLoss)}</td>
      <td>{r.right ? `${r.right.before}, ${r.right.after} of ${r.right.of}` : '–'}</td>
      <td>{r.bytes === null ? '–' : bytes(r.bytes)}</td>
      <td>{r.tokensPerSecond === null ? '–' : `${grouped(r.tokensPerSecond)} tokens/s`}</td>
      <td>{duration(r.seconds)}</td>
    </tr>
  );
}

function Curves({ runs }: { runs: Past[] }) {
  const box = useRef<HTMLDivElement>(null);
  const [scheme, setScheme] = useState(0);
  useEffect(() => onScheme(() => setScheme((n) => n + 1)), []);
  const { x, y, of } = overlaid(runs);
  const Plotter = usePlotter();
  useEffect(() => {
    if (!Plotter) return undefined;
    const axis: uPlot.Axis = {
      stroke: variable('muted'),
      font: '11px system-ui, sans-serif',
      grid: { stroke: variable('grid'), width: 1 },
      ticks: { show: false },
    };
    const series = runs.map((r) => ({ stroke: variable(inkOf(r.number)), width: 2, spanGaps: true, points: { show: false } }));
    const made = new Plotter(
      {
        width: box.current!.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false } },
        axes: [
          { ...axis, size: 28 },
          { ...axis, size: 40 },
        ],
        series: [{}, ...series],
      },
      [x, ...y],
      box.current!,
    );
    const observer = new ResizeObserver(() => made.setSize({ width: box.current!.clientWidth, height: HEIGHT }));
    observer.observe(box.current!);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [runs, scheme, Plotter]);
  const words = `Loss on ${of === 'held-out' ? 'held-out rows' : 'the rows trained on'} by step, one line a run`;
  return (
    <figure class="loss">
      <div ref={box} style={{ height: `${HEIGHT}px` }} role="img" aria-label={words} />
      <figcaption>{words}.</figcaption>
    </figure>
  );
}
