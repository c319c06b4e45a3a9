// The map's 2-D camera: one scale and one shift from the map's blocks to the canvas's pixels, panned, zoomed about a point, inverted
// to pick. Not a matrix: it never turns, and a library of matrices would weigh more than the rest of the map.

/** A point p of the map is at pixel scale * p + (x, y). */
export interface Camera {
  readonly scale: number;
  readonly x: number;
  readonly y: number;
}

export interface Box {
  width: number;
  height: number;
}

export interface Margins {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Pixels a block at most and at least. */
const CLOSEST = 160;
const FARTHEST = 0.25;

/** Shows the whole map, centred, inside the canvas's margins. */
export function fit(map: Box, canvas: Box, m: Margins): Camera {
  const room = { width: Math.max(1, canvas.width - m.left - m.right), height: Math.max(1, canvas.height - m.top - m.bottom) };
  const scale = clamp(Math.min(room.width / map.width, room.height / map.height));
  return {
    scale,
    x: m.left + (room.width - scale * map.width) / 2,
    y: m.top + (room.height - scale * map.height) / 2,
  };
}

/** Moves by pixels. */
export const pan = ({ scale, x, y }: Camera, dx: number, dy: number): Camera => ({ scale, x: x + dx, y: y + dy });

/** Scales by a factor about a pixel, which stays where it is. */
export function zoom(camera: Camera, factor: number, x: number, y: number): Camera {
  const scale = clamp(camera.scale * factor);
  const k = scale / camera.scale;
  return { scale, x: x + k * (camera.x - x), y: y + k * (camera.y - y) };
}

/** The pixel of a point of the map. */
export const toCanvas = ({ scale, x, y }: Camera, px: number, py: number): [number, number] => [scale * px + x, scale * py + y];

/** The point of the map under a pixel. */
export const toMap = ({ scale, x, y }: Camera, px: number, py: number): [number, number] => [(px - x) / scale, (py - y) / scale];

/** Moves such that a block of the map is seen: not at all where it is already, else to the middle. */
export function into(camera: Camera, canvas: Box, bx: number, by: number): Camera {
  const [x, y] = toCanvas(camera, bx + 0.5, by + 0.5);
  const seen = x >= 0 && y >= 0 && x <= canvas.width && y <= canvas.height;
  return seen ? camera : pan(camera, canvas.width / 2 - x, canvas.height / 2 - y);
}

const clamp = (scale: number) => Math.min(CLOSEST, Math.max(FARTHEST, scale));
