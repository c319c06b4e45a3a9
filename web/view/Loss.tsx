// The loss of every step as it arrives, its running mean, and the loss on held-out rows; straight or by logarithm, zoomed by dragging.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { grouped } from '../format.ts';
import type { Held, StepLine, Told } from '../state.ts';
import { onScheme, variable } from './colours.ts';
import { mean } from './mean.ts';
import { usePlotter } from './plot.ts';

const HEIGHT = 280;
const NONE: Told[] = [];
const NONE_HELD: Held[] = [];

interface Props {
  steps: StepLine[];
  /** Steps before those, of a run that went on. */
  earlier?: Told[];
  held?: Held[];
  total: number;
}

export function Loss({ steps: seen, earlier = NONE, held = NONE_HELD, total }: Props) {
  const steps: Told[] = useMemo(() => [...earlier, ...seen], [earlier, seen]);
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [scheme, setScheme] = useState(0);
  const [log, setLog] = useState(false);
  const [zoomed, setZoomed] = useState(false);
  const [at, setAt] = useState<number | null>(null);
  const Plotter = usePlotter();
  useEffect(() => onScheme(() => setScheme((n) => n + 1)), []);
  useEffect(() => {
    if (!Plotter) return undefined;
    const made = new Plotter(options(box.current!.clientWidth, log, setAt, setZoomed), [[], [], [], []], box.current!);
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: box.current!.clientWidth, height: HEIGHT }));
    observer.observe(box.current!);
    setZoomed(false);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [scheme, log, Plotter]);
  useEffect(() => {
    const { x, loss, smooth, heldOut } = curves(steps, held);
    chart.current?.setData([x, loss, smooth, heldOut], false);
    if (zoomed) return chart.current?.redraw(false);
    chart.current?.batch(() => {
      chart.current!.setScale('x', { min: Math.min(1, x[0] ?? 1), max: Math.max(total, 10) });
      chart.current!.setScale('y', range([...loss, ...heldOut], log));
    });
    return undefined;
  }, [steps, held, total, scheme, log, zoomed, Plotter]);
  return (
    <figure class="loss">
      <fieldset class="map-tools" aria-label="The chart">
        <button type="button" aria-pressed={log} onClick={() => setLog(!log)}>
          log
        </button>
        <button type="button" disabled={!zoomed} onClick={() => setZoomed(false)} title="Drag over the chart to zoom">
          all
        </button>
      </fieldset>
      <div ref={box} class="chart" role="img" aria-label={spoken(steps, held)} data-points={steps.length} />
      <figcaption>
        <Caption
          steps={steps}
          held={held}
          at={at === null ? undefined : steps.find((l) => l.step === curves(steps, held).x[at])}
        />
      </figcaption>
    </figure>
  );
}

/** Both losses over the steps of either, with nothing where there is none. */
export function curves(steps: readonly Told[], held: readonly Held[]) {
  const heldAt = new Map(held.map((l) => [l.step, l.loss]));
  const stepAt = new Map(steps.map((l) => [l.step, l.loss]));
  const smoothAt = new Map(mean(steps.map((l) => l.loss)).map((value, i) => [steps[i].step, value]));
  const x = [...new Set([...stepAt.keys(), ...heldAt.keys()])].sort((a, b) => a - b);
  const of = (from: Map<number, number>) => x.map((step) => from.get(step) ?? null);
  return { x, loss: of(stepAt), smooth: of(smoothAt), heldOut: of(heldAt) };
}

/** The scale of the losses there are: from zero, or by logarithm from just below the least. */
function range(values: (number | null)[], log: boolean): { min: number; max: number } {
  const there = values.filter((v): v is number => v !== null && Number.isFinite(v) && (!log || v > 0));
  const most = there.reduce((a, b) => Math.max(a, b), log ? 1e-3 : 1);
  if (!log) return { min: 0, max: most * 1.05 };
  return { min: there.reduce((a, b) => Math.min(a, b), most) / 1.3, max: most * 1.3 };
}

/** The step pointed at, or the first and the latest. */
function Caption({ steps, held, at }: { steps: Told[]; held: Held[]; at?: Told }) {
  const last = steps.at(-1);
  if (!last) return <>One point a step will appear here.</>;
  if (at)
    return (
      <>
        Step {at.step}: loss <b>{at.loss.toFixed(3)}</b>, gradient norm {at.grad_norm.toFixed(2)}
        {isWhole(at) && `, learning rate ${at.lr.toExponential(2)}, ${grouped((1000 * at.input_tokens) / at.ms)} tokens/s`}
      </>
    );
  return (
    <>
      <b data-testid="loss-first">{steps[0].loss.toFixed(3)}</b> at step {steps[0].step},{' '}
      <b data-testid="loss-last">{last.loss.toFixed(3)}</b> at step {last.step}. The strong line is a running mean.
      {held.length > 0 && (
        <>
          {' '}
          <i class="key held" aria-hidden="true" /> Held-out rows: <b data-testid="held-last">{held.at(-1)!.loss.toFixed(3)}</b>{' '}
          at step {held.at(-1)!.step}, best {Math.min(...held.map((l) => l.loss)).toFixed(3)}.
        </>
      )}
    </>
  );
}

function options(width: number, log: boolean, point: (index: number | null) => void, zoom: (on: boolean) => void): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: variable('muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: variable('grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: true } },
    hooks: {
      setCursor: [(u) => point(u.cursor.idx ?? null)],
      setSelect: [(u) => u.select.width > 0 && zoom(true)],
    },
    scales: {
      x: { time: false, auto: false, min: 1, max: 10 },
      y: log ? { distr: 3, auto: false, min: 0.1, max: 10 } : { auto: false, min: 0, max: 1 },
    },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((t) => (Number.isInteger(t) ? String(t) : '')) },
      { ...axis, size: 40, ...(log && { values: (_, ticks) => ticks.map((t) => (t === null ? '' : String(t))) }) },
    ],
    series: [
      {},
      { stroke: variable('faint-line'), width: 1.25, points: { show: false } },
      { stroke: variable('accent'), width: 2.25, points: { show: false } },
      {
        stroke: variable('m-gradients'),
        width: 1.75,
        spanGaps: true,
        points: { show: true, size: 6, fill: variable('m-gradients') },
      },
    ],
  };
}

/** Whether all of a step is known, as of those that this page has seen. */
const isWhole = (l: Told): l is StepLine => 'lr' in l;

function spoken(steps: Told[], held: Held[]): string {
  const last = steps.at(-1);
  const also = held.length ? `; on held-out rows ${held.at(-1)!.loss.toFixed(2)}` : '';
  return last
    ? `Loss from ${steps[0].loss.toFixed(2)} at step ${steps[0].step} to ${last.loss.toFixed(2)} at step ${last.step}${also}`
    : 'Loss, empty yet';
}
