// The chosen blocks as a map that can be panned and zoomed, by pointer, touch, wheel and keys. Drawing is map/draw.ts.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { grouped, ordinal, percent } from '../format.ts';
import { type Camera, fit, pan, toMap, zoom } from '../map/camera.ts';
import { draw, MARGINS } from '../map/draw.ts';
import { blockAt, type MapLayout, mapLayout } from '../map/layout.ts';
import type { Matrix } from '../protocol.ts';
import type { SelectionLine } from '../state.ts';
import { colours, onScheme } from './colours.ts';
import { usePointers } from './pointers.ts';

/** Edge of the grid before the real one is known. */
const PROVISIONAL = 16;
const REVEAL_MS = 900;

export function BlockMap({ matrices, selection }: { matrices: Matrix[]; selection: SelectionLine | null }) {
  const block = selection?.block ?? PROVISIONAL;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const layout = useMemo(() => mapLayout(matrices, block, size.height ? size.width / size.height : 1), [matrices, block, size]);
  const [camera, setCamera] = useState<Camera | null>(null);
  const [point, setPoint] = useState<[number, number] | null>(null);
  const [shown, setShown] = useState(1);
  const [scheme, setScheme] = useState(0);

  useEffect(() => onScheme(() => setScheme((n) => n + 1)), []);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) =>
      setSize({ width: entry.contentRect.width, height: entry.contentRect.height }),
    );
    observer.observe(canvas.current!);
    return () => observer.disconnect();
  }, []);
  const all = () => fit(layout, size, MARGINS);
  useEffect(() => setCamera(size.width ? all() : null), [layout]);
  useEffect(() => reveal(selection, setShown), [selection]);

  const under = camera && point ? blockAt(layout, ...toMap(camera, ...point)) : null;
  const at = under ? { x: under.matrix.x + under.col, y: under.matrix.y + under.row } : null;
  useEffect(() => {
    const c = canvas.current;
    if (!c || !camera) return;
    const dpr = devicePixelRatio;
    c.width = Math.round(size.width * dpr);
    c.height = Math.round(size.height * dpr);
    draw(c.getContext('2d')!, size, dpr, camera, { layout, blocks: selection?.blocks ?? [], shown, at }, colours());
  }, [camera, layout, selection, shown, at?.x, at?.y, scheme]);

  const move = (change: (c: Camera) => Camera) => setCamera((c) => c && change(c));
  const middle = (factor: number) => move((c) => zoom(c, factor, size.width / 2, size.height / 2));
  usePointers(canvas, {
    pan: (dx, dy) => move((c) => pan(c, dx, dy)),
    zoom: (factor, x, y) => move((c) => zoom(c, factor, x, y)),
    point: setPoint,
  });
  const key = (e: KeyboardEvent) => {
    const act = keys[e.key];
    if (!act) return;
    e.preventDefault();
    if (act === 'fit') setCamera(all());
    else if (typeof act === 'number') middle(act);
    else move((c) => pan(c, ...act));
  };

  return (
    <div class="map">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={spoken(layout, selection)}
        onKeyDown={key}
        data-blocks={selection?.blocks.length ?? 0}
      />
      <fieldset class="map-tools" aria-label="Move the map">
        <button type="button" onClick={() => middle(1.5)} aria-label="Zoom in">
          +
        </button>
        <button type="button" onClick={() => middle(1 / 1.5)} aria-label="Zoom out">
          −
        </button>
        <button type="button" onClick={() => setCamera(all())} aria-label="fit the whole map">
          fit
        </button>
      </fieldset>
      <p class="map-caption">{caption(under, selection, layout)}</p>
    </div>
  );
}

const keys: Record<string, [number, number] | number | 'fit'> = {
  ArrowLeft: [40, 0],
  ArrowRight: [-40, 0],
  ArrowUp: [0, 40],
  ArrowDown: [0, -40],
  '+': 1.5,
  '=': 1.5,
  '-': 1 / 1.5,
  '0': 'fit',
};

function reveal(selection: SelectionLine | null, setShown: (share: number) => void): (() => void) | undefined {
  if (!selection || matchMedia('(prefers-reduced-motion: reduce)').matches) {
    setShown(1);
    return undefined;
  }
  const began = performance.now();
  let frame = requestAnimationFrame(function next(now) {
    const t = Math.min(1, Math.max(0, now - began) / REVEAL_MS);
    setShown(t);
    if (t < 1) frame = requestAnimationFrame(next);
  });
  return () => cancelAnimationFrame(frame);
}

function caption(under: ReturnType<typeof blockAt>, selection: SelectionLine | null, { matrices, block }: MapLayout): string {
  if (under) {
    const { matrix, row, col } = under;
    const rank =
      selection?.blocks.findIndex(
        (b) => b.layer === matrix.layer && b.module === matrix.module && b.row === row && b.col === col,
      ) ?? -1;
    const place = `Layer ${matrix.layer}, ${matrix.module}, block row ${row}, column ${col}`;
    if (!selection) return place;
    if (rank < 0) return `${place}: stays frozen`;
    return `${place}: ${ordinal(rank + 1)} of ${grouped(selection.blocks.length)}, score ${selection.blocks[rank].score.toPrecision(3)}`;
  }
  if (!selection) return 'All frozen for now. The warm-up scores every block; the best will light up here.';
  const of = matrices.reduce((n, m) => n + m.w * m.h, 0);
  return `${grouped(selection.blocks.length)} of ${grouped(of)} blocks of ${block} × ${block} train: ${grouped(selection.trainable)} numbers, ${percent(selection.share_model)} of the model. The stronger the colour, the higher the score.`;
}

function spoken(layout: MapLayout, selection: SelectionLine | null): string {
  const modules = [...new Set(layout.matrices.map((m) => m.module))];
  const grid = `Map of ${layout.layers.length} layers of ${modules.length} weight matrices`;
  if (!selection) return `${grid}; no blocks are chosen yet. Arrow keys move, plus and minus zoom, 0 shows all.`;
  const counts = new Map<string, number>();
  for (const b of selection.blocks) counts.set(b.module, (counts.get(b.module) ?? 0) + 1);
  const each = modules.map((module) => `${module} ${counts.get(module) ?? 0}`).join(', ');
  return `${grid}; chosen blocks: ${each}. Arrow keys move, plus and minus zoom, 0 shows all.`;
}
