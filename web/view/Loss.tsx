// The loss of every step as it arrives, and its running mean.

import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { StepLine } from '../state.ts';
import { onScheme, variable } from './colours.ts';

const HEIGHT = 280;
/** Weight of the newest step in the running mean. */
const NEWEST = 0.15;

export function Loss({ steps, total }: { steps: StepLine[]; total: number }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const [scheme, setScheme] = useState(0);
  useEffect(() => onScheme(() => setScheme((n) => n + 1)), []);
  useEffect(() => {
    const made = new uPlot(options(box.current!.clientWidth), [[], [], []], box.current!);
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
      chart.current!.setScale('y', { min: 0, max: Math.max(1, ...y) * 1.05 });
    });
  }, [steps, total, scheme]);
  const [first, last] = [steps[0], steps.at(-1)];
  return (
    <figure class="loss">
      <div ref={box} class="chart" role="img" aria-label={spoken(steps)} data-points={steps.length} />
      <figcaption>
        {first && last ? (
          <>
            <b data-testid="loss-first">{first.loss.toFixed(3)}</b> at step 1,{' '}
            <b data-testid="loss-last">{last.loss.toFixed(3)}</b> at step {last.step}
          </>
        ) : (
          'One point a step will appear here.'
        )}
      </figcaption>
    </figure>
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

function options(width: number): uPlot.Options {
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
