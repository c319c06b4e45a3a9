// The loss of every step as it arrives, and its running mean.

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { grouped } from '../format.ts';
import type { StepLine } from '../state.ts';
import { onScheme, variable } from './colours.ts';

const HEIGHT = 280;
/** Weight of the newest step in the running mean. */
const NEWEST = 0.15;

export function Loss({ steps, total }: { steps: StepLine[]; total: number }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [scheme, setScheme] = useState(0);
  const [at, setAt] = useState<number | null>(null);
  useEffect(() => onScheme(() => setScheme((n) => n + 1)), []);
  useEffect(() => {
    const made = new uPlot(options(box.current!.clientWidth, setAt), [[], [], []], box.current!);
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: box.current!.clientWidth, height: HEIGHT }));
    observer.observe(box.current!);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [scheme]);
  useEffect(() => {
    const x = steps.map((l) => l.step);
    const y = steps.map((l) => l.loss);
    chart.current?.setData([x, y, mean(y)], false);
    chart.current?.batch(() => {
      chart.current!.setScale('x', { min: 1, max: Math.max(total, 10) });
      chart.current!.setScale('y', { min: 0, max: y.reduce((a, b) => Math.max(a, b), 1) * 1.05 });
    });
  }, [steps, total, scheme]);
  return (
    <figure class="loss">
      <div ref={box} class="chart" role="img" aria-label={spoken(steps)} data-points={steps.length} />
      <figcaption>
        <Caption steps={steps} at={at === null ? undefined : steps[at]} />
      </figcaption>
    </figure>
  );
}

/** The step pointed at, or the first and the latest. */
function Caption({ steps, at }: { steps: StepLine[]; at?: StepLine }) {
  const last = steps.at(-1);
  if (!last) return <>One point a step will appear here.</>;
  if (at)
    return (
      <>
        Step {at.step}: loss <b>{at.loss.toFixed(3)}</b>, learning rate {at.lr.toExponential(2)}, gradient norm{' '}
        {at.grad_norm.toFixed(2)}, {grouped((1000 * at.input_tokens) / at.ms)} tokens/s
      </>
    );
  return (
    <>
      <b data-testid="loss-first">{steps[0].loss.toFixed(3)}</b> at step 1, <b data-testid="loss-last">{last.loss.toFixed(3)}</b>{' '}
      at step {last.step}. The strong line is a running mean.
    </>
  );
}

/** Exponential mean without the pull of its start. */
export function mean(y: number[]): number[] {
  let [sum, weight] = [0, 0];
  return y.map((value) => {
    sum = (1 - NEWEST) * sum + NEWEST * value;
    weight = (1 - NEWEST) * weight + NEWEST;
    return sum / weight;
  });
}

function options(width: number, point: (index: number | null) => void): uPlot.Options {
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
    cursor: { y: false, points: { size: 6 } },
    hooks: { setCursor: [(u) => point(u.cursor.idx ?? null)] },
    scales: { x: { time: false, auto: false, min: 1, max: 10 }, y: { auto: false, min: 0, max: 1 } },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((t) => (Number.isInteger(t) ? String(t) : '')) },
      { ...axis, size: 36 },
    ],
    series: [
      {},
      { stroke: variable('faint-line'), width: 1.25, points: { show: false } },
      { stroke: variable('accent'), width: 2.25, points: { show: false } },
    ],
  };
}

function spoken(steps: StepLine[]): string {
  const last = steps.at(-1);
  return last
    ? `Loss from ${steps[0].loss.toFixed(2)} at step 1 to ${last.loss.toFixed(2)} at step ${last.step}`
    : 'Loss, empty yet';
}
