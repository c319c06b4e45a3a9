// The blocks as a map that can be panned and zoomed, by pointer, touch, wheel and keys: scores, choice, and how far training has moved
// each. What a frame is made of is map/draw.ts; here is when there is one.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type Camera, fit, into, pan, toMap, zoom } from '../map/camera.ts';
import { type BlockFacts, wordsOf } from '../map/cells.ts';
import { draw, MARGINS, platesOf, type Scene } from '../map/draw.ts';
import { blockAt, mapLayout, placeOf } from '../map/layout.ts';
import { closePainter, load, openPainter, type Painter } from '../map/paint.ts';
import { blockWords, captionOf, spoken } from '../map/words.ts';
import type { Matrix, MatrixScores } from '../protocol.ts';
import type { BlockPlace, SelectionLine } from '../state.ts';
import { colours, onScheme } from './colours.ts';
import { MapTable } from './MapTable.tsx';
import { usePointers } from './pointers.ts';

/** Edge of the grid before the real one is known. */
const PROVISIONAL = 16;
const REVEAL_MS = 900;
const NONE: ReadonlySet<string> = new Set();

interface Props {
  matrices: Matrix[];
  selection: SelectionLine | null;
  scores?: readonly MatrixScores[] | null;
  norms?: Float32Array | null;
  /** Share of the run that is behind. */
  progress?: number;
  /** Blocks that are switched off, by `blockKey`, and what a click on a chosen one does. */
  off?: ReadonlySet<string>;
  pick?: (block: BlockPlace) => void;
  /** Edge of the blocks, where it is known before they are chosen. */
  block?: number;
}

export function BlockMap({
  matrices,
  selection,
  scores = null,
  norms = null,
  progress = 1,
  off = NONE,
  pick,
  block: known,
}: Props) {
  const block = selection?.block ?? known ?? PROVISIONAL;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const layout = useMemo(() => mapLayout(matrices, block, size.height ? size.width / size.height : 1), [matrices, block, size]);
  const [camera, setCamera] = useState<Camera | null>(null);
  const [point, setPoint] = useState<[number, number] | null>(null);
  /** The chosen block that keys have gone to, by its rank. */
  const [cursor, setCursor] = useState<number | null>(null);
  const [shown, setShown] = useState(1);
  const [scheme, setScheme] = useState(0);
  const chosen = selection?.blocks ?? [];
  const moved = norms && norms.length === chosen.length ? norms : null;
  const facts: BlockFacts = useMemo(
    () => ({ scores: scores ?? [], chosen, norms: moved, progress, off }),
    [scores, selection, moved, off], // progress moves on with the norms
  );
  const data = useMemo(() => ({ plates: platesOf(layout), words: wordsOf(layout.matrices, facts) }), [layout, facts]);

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
  useEffect(() => setCursor(null), [selection]);
  useEffect(() => reveal(selection, setShown), [selection]);

  const walked = cursor === null ? null : placeOf(layout, chosen[cursor]);
  const under = walked ?? (camera && point ? blockAt(layout, ...toMap(camera, ...point)) : null);
  const at = under ? { x: under.matrix.x + under.col, y: under.matrix.y + under.row } : null;
  const scene = camera && { layout, camera, size, dpr: devicePixelRatio, shown, at, colours: colours() };
  const fault = useFrames(canvas, scene, data, [camera, data, shown, at?.x, at?.y, scheme]);

  const move = (change: (c: Camera) => Camera) => setCamera((c) => c && change(c));
  const middle = (factor: number) => move((c) => zoom(c, factor, size.width / 2, size.height / 2));
  usePointers(canvas, {
    pan: (dx, dy) => move((c) => pan(c, dx, dy)),
    zoom: (factor, x, y) => move((c) => zoom(c, factor, x, y)),
    point: (at) => {
      setCursor(null);
      setPoint(at);
    },
    click: (x, y) => {
      const found = camera && pick ? blockAt(layout, ...toMap(camera, x, y)) : null;
      if (found) pick?.({ layer: found.matrix.layer, module: found.matrix.module, row: found.row, col: found.col });
    },
  });
  const walk = (by: number) => {
    if (!chosen.length) return;
    const next = cursor === null ? (by > 0 ? 0 : chosen.length - 1) : (cursor + by + chosen.length) % chosen.length;
    setCursor(next);
    const place = placeOf(layout, chosen[next]);
    if (place) move((c) => into(c, size, place.matrix.x + place.col, place.matrix.y + place.row));
  };
  const key = (e: KeyboardEvent) => {
    const act = keys[e.key];
    if (!act || e.ctrlKey || e.metaKey || e.altKey || (act === 'pick' && !(walked && pick))) return;
    e.preventDefault();
    if (act === 'fit') setCamera(all());
    else if (act === 'next' || act === 'previous') walk(act === 'next' ? 1 : -1);
    else if (act === 'pick') pick!(chosen[cursor!]);
    else if (typeof act === 'number') middle(act);
    else move((c) => pan(c, ...act));
  };

  return (
    <div class="map">
      <canvas
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={spoken(layout, chosen.length, pick !== undefined)}
        onKeyDown={key}
        data-blocks={chosen.length}
        data-scored={facts.scores.reduce((n, m) => n + m.scores.length, 0)}
        data-moved={moved ? moved.reduce((n, x) => n + Number(x > 0), 0) : 0}
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
      <p class="map-caption" data-testid="map-caption" aria-live={walked ? 'polite' : 'off'}>
        {fault ?? (under ? blockWords(under, facts) : captionOf(selection, facts, layout))}
      </p>
      <MapTable layout={layout} facts={facts} pick={pick} />
    </div>
  );
}

const keys: Record<string, [number, number] | number | 'fit' | 'next' | 'previous' | 'pick'> = {
  ArrowLeft: [40, 0],
  ArrowRight: [-40, 0],
  ArrowUp: [0, 40],
  ArrowDown: [0, -40],
  '+': 1.5,
  '=': 1.5,
  '-': 1 / 1.5,
  '0': 'fit',
  '.': 'next',
  ',': 'previous',
  Enter: 'pick',
  ' ': 'pick',
};

/**
 * Draws whenever something of the scene has changed, one frame at a time and never for nothing: the adapter may be training. A device
 * that is lost is opened again with the next frame. Answers what is wrong where there is none.
 */
function useFrames(
  canvas: { current: HTMLCanvasElement | null },
  scene: (Omit<Scene, 'colours'> & { colours: Scene['colours'] }) | null,
  data: { plates: ArrayBuffer; words: Uint32Array<ArrayBuffer> },
  changes: unknown[],
): string | null {
  const [fault, setFault] = useState<string | null>(null);
  const latest = useRef({ scene, data });
  latest.current = { scene, data };
  const frames = useMemo(
    () =>
      newFrames(
        () => latest.current,
        () => canvas.current,
        setFault,
      ),
    [],
  );
  useEffect(frames.due, changes);
  useEffect(() => frames.close, []);
  return fault;
}

function newFrames(
  latest: () => { scene: Scene | null; data: { plates: ArrayBuffer; words: Uint32Array<ArrayBuffer> } },
  canvas: () => HTMLCanvasElement | null,
  failed: (text: string | null) => void,
) {
  let painter: Painter | null = null;
  let loaded: unknown = null;
  let [drawing, again, closed, drawn] = [false, false, false, 0];
  const once = async () => {
    const { scene, data } = latest();
    const onto = canvas();
    if (!scene || !onto || closed) return;
    if (!painter || painter.lost) [painter, loaded] = [await openPainter(), null];
    if (loaded !== data) {
      load(painter, data.plates, data.words);
      loaded = data;
    }
    await draw(painter, onto, scene);
    onto.dataset.frames = String(++drawn);
  };
  const due = () => {
    again = true;
    if (drawing || closed) return;
    drawing = true;
    void (async () => {
      let tries = 0;
      while (again && !closed) {
        again = false;
        await new Promise(requestAnimationFrame);
        await once().then(
          () => failed(null),
          (e: Error) => {
            if (painter) painter.lost = true;
            if (++tries < 3) again = true;
            else failed(`The map cannot be drawn: ${e.message} The table below has its figures.`);
          },
        );
      }
      drawing = false;
    })();
  };
  const close = () => {
    closed = true;
    if (painter) closePainter(painter);
  };
  return { due, close };
}

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
