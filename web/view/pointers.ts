// Gestures on an element: drag to pan, wheel to zoom once the element has the focus or Ctrl is held, two fingers to do both.
// A single finger still scrolls the page.

import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export interface Gestures {
  pan: (dx: number, dy: number) => void;
  zoom: (factor: number, x: number, y: number) => void;
  /** Where the pointer is, in pixels of the element; null when it left. */
  point: (at: [number, number] | null) => void;
  /** Pressed and let go at one place. */
  click: (x: number, y: number) => void;
}

export function usePointers(target: RefObject<HTMLElement>, gestures: Gestures): void {
  const latest = useRef(gestures);
  latest.current = gestures;
  useEffect(() => listen(target.current!, () => latest.current), []);
}

function listen(element: HTMLElement, gestures: () => Gestures): () => void {
  const down = new Map<number, [number, number]>();
  let pressed: [number, number] | null = null;
  const at = (e: PointerEvent | WheelEvent): [number, number] => {
    const box = element.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  };
  const handlers = {
    pointerdown(e: PointerEvent) {
      pressed = at(e);
      down.set(e.pointerId, pressed);
      if (e.pointerType === 'mouse') element.setPointerCapture(e.pointerId);
    },
    pointermove(e: PointerEvent) {
      const now = at(e);
      const before = down.get(e.pointerId);
      gestures().point(now);
      if (!before) return;
      const other = [...down].find(([id]) => id !== e.pointerId)?.[1];
      if (other) {
        gestures().zoom(distance(now, other) / Math.max(1, distance(before, other)), other[0], other[1]);
        gestures().pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
      } else if (e.pointerType !== 'touch') gestures().pan(now[0] - before[0], now[1] - before[1]);
      down.set(e.pointerId, now);
    },
    pointerup(e: PointerEvent) {
      down.delete(e.pointerId);
      if (pressed && distance(pressed, at(e)) < STILL) gestures().click(...at(e));
      pressed = null;
    },
    pointercancel: (e: PointerEvent) => void down.delete(e.pointerId),
    pointerleave: () => gestures().point(null),
    wheel(e: WheelEvent) {
      if (!e.ctrlKey && document.activeElement !== element) return;
      e.preventDefault();
      gestures().zoom(Math.exp(-e.deltaY / 300), ...at(e));
    },
  };
  for (const [name, handler] of Object.entries(handlers))
    element.addEventListener(name, handler as EventListener, { passive: false });
  return () => {
    for (const [name, handler] of Object.entries(handlers)) element.removeEventListener(name, handler as EventListener);
  };
}

/** Pixels that a pointer may move and still have clicked. */
const STILL = 4;
const distance = (a: [number, number], b: [number, number]) => Math.hypot(a[0] - b[0], a[1] - b[1]);
