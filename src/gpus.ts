/** GPUs by name for estimates: what their makers publish of peak and bandwidth, and what a dispatch costs there. */

export interface GpuSpeed {
  name: string;
  /** Peak of f32 multiply-adds, 10^12 FLOP/s. */
  tflops: number;
  /** Bandwidth of its memory, 10^9 bytes/s. */
  gbps: number;
  /** A dispatch, in microseconds. */
  dispatch_us: number;
}

// Of one dispatch in a browser, 24 to 36 us were measured on Vulkan and 32 to 71 us on Metal (arXiv 2604.02344): their middles.
const VULKAN = 30;
const METAL = 51;

/** Peak and bandwidth as published, with where. */
const GPUS: GpuSpeed[] = [
  { name: 'M1', tflops: 2.6, gbps: 68, dispatch_us: METAL }, // Apple, November 2020: 2.6 teraflops; LPDDR4X-4266, 128 bits
  { name: 'M2', tflops: 3.6, gbps: 100, dispatch_us: METAL }, // Apple, June 2022: 3.6 teraflops, 100 GB/s
  { name: 'M2 Max', tflops: 13.6, gbps: 400, dispatch_us: METAL }, // Apple, January 2023: 13.6 teraflops (38 cores), 400 GB/s
  { name: 'RTX 3060', tflops: 12.7, gbps: 360, dispatch_us: VULKAN }, // NVIDIA, GeForce RTX 3060: 3584 cores, 1.78 GHz; 360 GB/s
  { name: 'RTX 3080', tflops: 29.8, gbps: 760, dispatch_us: VULKAN }, // NVIDIA, Ampere GA102 whitepaper, table 2
  { name: 'RTX 4060', tflops: 15.1, gbps: 272, dispatch_us: VULKAN }, // NVIDIA, GeForce RTX 4060: 3072 cores, 2.46 GHz; 272 GB/s
  { name: 'RTX 4090', tflops: 82.6, gbps: 1008, dispatch_us: VULKAN }, // NVIDIA, Ada architecture whitepaper, table 2
  { name: 'RX 6700 XT', tflops: 13.2, gbps: 384, dispatch_us: VULKAN }, // AMD, Radeon RX 6700 XT: 13.21 TFLOPS, 384 GB/s
  { name: 'Arc A770', tflops: 19.7, gbps: 560, dispatch_us: VULKAN }, // Intel, Arc A770: 32 Xe cores of 128 lanes, 2.4 GHz; 560 GB/s
  { name: 'Iris Xe', tflops: 2.07, gbps: 68, dispatch_us: VULKAN }, // Intel, Core i7-1185G7: 96 EUs of 8 lanes, 1.35 GHz; LPDDR4X-4266
];

export const GPU_NAMES = GPUS.map((g) => g.name);

const plain = (text: string) => text.toLowerCase().replace(/[\s_-]+/g, '');
const FIGURES = /^\s*(\d+\.?\d*|\.\d+)\s*,\s*(\d+\.?\d*|\.\d+)\s*$/;

/** A GPU by its name, or by its TFLOP/s and GB/s: "13.6,400"; undefined for what is neither. */
export function gpuNamed(text: string): GpuSpeed | undefined {
  const [, tflops, gbps] = text.match(FIGURES) ?? [];
  if (Number(tflops) > 0 && Number(gbps) > 0)
    return {
      name: `${Number(tflops)} TFLOP/s, ${Number(gbps)} GB/s`,
      tflops: Number(tflops),
      gbps: Number(gbps),
      dispatch_us: VULKAN,
    };
  return GPUS.find((g) => plain(g.name) === plain(text));
}
