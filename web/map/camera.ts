// The map's 2-D camera: one matrix from the map's blocks to the canvas's pixels, panned, zoomed about a point, inverted to pick.

import { mat3, vec2 } from 'wgpu-matrix';

/** Column-major 3 x 3, columns padded to four, as wgpu-matrix keeps them. */
export type Camera = Float32Array;

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
  const x = m.left + (room.width - scale * map.width) / 2;
  const y = m.top + (room.height - scale * map.height) / 2;
  return mat3.scale(mat3.translation([x, y]), [scale, scale]) as Camera;
}

/** Moves by pixels. */
export function pan(camera: Camera, dx: number, dy: number): Camera {
  return mat3.multiply(mat3.translation([dx, dy]), camera) as Camera;
}

/** Scales by a factor about a pixel, which stays where it is. */
export function zoom(camera: Camera, factor: number, x: number, y: number): Camera {
  const k = clamp(scaleOf(camera) * factor) / scaleOf(camera);
  const about = mat3.translate(mat3.scale(mat3.translation([x, y]), [k, k]), [-x, -y]);
  return mat3.multiply(about, camera) as Camera;
}

/** Pixels a block. */
export const scaleOf = (camera: Camera): number => camera[0];

/** The pixel of a point of the map. */
export function toCanvas(camera: Camera, x: number, y: number): [number, number] {
  const p = vec2.transformMat3([x, y], camera);
  return [p[0], p[1]];
}

/** The point of the map under a pixel. */
export function toMap(camera: Camera, x: number, y: number): [number, number] {
  const p = vec2.transformMat3([x, y], mat3.inverse(camera));
  return [p[0], p[1]];
}

/** Moves such that a block of the map is seen: not at all where it is already, else to the middle. */
export function into(camera: Camera, canvas: Box, bx: number, by: number): Camera {
  const [x, y] = toCanvas(camera, bx + 0.5, by + 0.5);
  const seen = x >= 0 && y >= 0 && x <= canvas.width && y <= canvas.height;
  return seen ? camera : pan(camera, canvas.width / 2 - x, canvas.height / 2 - y);
}

const clamp = (scale: number) => Math.min(CLOSEST, Math.max(FARTHEST, scale));
