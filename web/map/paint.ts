// The map's own GPU device, on the page's thread: a frame is one draw call into a texture, which is read back onto a plain canvas.
// Not presented by a WebGPU canvas: Chromium's software adapter dies of that, and takes the device that trains with it.

import code from './map.wgsl?raw';

export interface Painter {
  device: GPUDevice;
  pipeline: GPURenderPipeline;
  view: GPUBuffer;
  /** Made anew where they are too small. */
  plates: GPUBuffer | null;
  words: GPUBuffer | null;
  count: number;
  target: Target | null;
  lost: boolean;
}

interface Target {
  width: number;
  height: number;
  texture: GPUTexture;
  pitch: number;
  staging: GPUBuffer;
}

/** Floats of the uniform: camera, sizes, colours (map.wgsl). */
export const VIEW_FLOATS = 12 + 8 + 8 * 4;

// Not by GPUBufferUsage's names: they are not there where there is no WebGPU
const [MAP_READ, COPY_DST, UNIFORM, STORAGE] = [1, 8, 64, 128];
const [TEXTURE_COPY_SRC, RENDER_ATTACHMENT] = [1, 16];
const FORMAT = 'rgba8unorm';

/** Opens a device to draw by; throws where there is none. */
export async function openPainter(): Promise<Painter> {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw new Error('expected a GPU to draw by, got none.');
  const device = await adapter.requestDevice();
  const module = device.createShaderModule({ code });
  const pipeline = await device.createRenderPipelineAsync({
    layout: 'auto',
    vertex: { module, entryPoint: 'corners' },
    fragment: { module, entryPoint: 'colour', targets: [{ format: FORMAT }] },
    primitive: { topology: 'triangle-strip' },
  });
  const view = device.createBuffer({ size: 4 * VIEW_FLOATS, usage: UNIFORM | COPY_DST });
  const p: Painter = { device, pipeline, view, plates: null, words: null, count: 0, target: null, lost: false };
  void device.lost.then(() => {
    p.lost = true;
  });
  return p;
}

/** Takes plates (corner, size, first word: 6 floats each, the last as u32s) and the words of their blocks. */
export function load(p: Painter, plates: ArrayBuffer, words: Uint32Array<ArrayBuffer>): void {
  p.count = plates.byteLength / PLATE_BYTES;
  p.plates = filled(p, p.plates, plates);
  p.words = filled(p, p.words, words.buffer);
}

export const PLATE_BYTES = 24;

function filled({ device }: Painter, buffer: GPUBuffer | null, data: ArrayBuffer): GPUBuffer {
  const size = Math.max(32, data.byteLength);
  const fits = buffer && buffer.size >= size;
  if (!fits) buffer?.destroy();
  const into = fits ? buffer : device.createBuffer({ size, usage: STORAGE | COPY_DST });
  device.queue.writeBuffer(into, 0, data);
  return into;
}

/** A frame of device pixels; one at a time. */
export async function frame(p: Painter, width: number, height: number, view: Float32Array<ArrayBuffer>): Promise<ImageData> {
  const { device, pipeline } = p;
  const target = targetOf(p, width, height);
  device.queue.writeBuffer(p.view, 0, view);
  const encoder = device.createCommandEncoder();
  const attachment = { view: target.texture.createView(), loadOp: 'clear', storeOp: 'store' } as const;
  const pass = encoder.beginRenderPass({ colorAttachments: [attachment] });
  if (p.count && p.plates && p.words) {
    const entries = [p.view, p.plates, p.words].map((buffer, binding) => ({ binding, resource: { buffer } }));
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.draw(4, p.count);
  }
  pass.end();
  const { texture, staging, pitch } = target;
  encoder.copyTextureToBuffer({ texture }, { buffer: staging, bytesPerRow: pitch }, [width, height]);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(MAP_READ);
  const image = new ImageData(width, height);
  const rows = new Uint8Array(staging.getMappedRange());
  if (pitch === 4 * width) image.data.set(rows);
  else for (let y = 0; y < height; y++) image.data.set(rows.subarray(y * pitch, y * pitch + 4 * width), y * 4 * width);
  staging.unmap();
  return image;
}

function targetOf(p: Painter, width: number, height: number): Target {
  if (p.target?.width === width && p.target.height === height) return p.target;
  p.target?.texture.destroy();
  p.target?.staging.destroy();
  const pitch = Math.ceil((4 * width) / 256) * 256; // WebGPU's rule for rows of a copy
  const usage = RENDER_ATTACHMENT | TEXTURE_COPY_SRC;
  const texture = p.device.createTexture({ size: [width, height], format: FORMAT, usage });
  const staging = p.device.createBuffer({ size: pitch * height, usage: MAP_READ | COPY_DST });
  p.target = { width, height, texture, pitch, staging };
  return p.target;
}

export const closePainter = ({ device }: Painter): void => device.destroy();
