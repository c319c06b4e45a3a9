// The formats that weights are stored in, as facts that every layer shares: how large a block is and what files call it.
// How they decode is in io/dequant.ts and the shaders, how the device holds them in ops/stored.

export interface FormatFacts {
  /** Values and bytes of one block; a row is a whole number of blocks. */
  block: number;
  bytes: number;
  /** ggml's tensor type id. */
  ggml: number;
  /** The dtype of safetensors, where it has one. */
  safetensors?: string;
}

const facts = (ggml: number, block: number, bytes: number, safetensors?: string): FormatFacts => ({
  block,
  bytes,
  ggml,
  safetensors,
});

export const FORMATS = {
  f32: facts(0, 1, 4, 'F32'),
  f16: facts(1, 1, 2, 'F16'),
  bf16: facts(30, 1, 2, 'BF16'),
  f64: facts(28, 1, 8, 'F64'),
  q8_0: facts(8, 32, 34),
  q4_0: facts(2, 32, 18),
  q4_1: facts(3, 32, 20),
  q5_0: facts(6, 32, 22),
  q5_1: facts(7, 32, 24),
  q2_k: facts(10, 256, 84),
  q3_k: facts(11, 256, 110),
  q4_k: facts(12, 256, 144),
  q5_k: facts(13, 256, 176),
  q6_k: facts(14, 256, 210),
} satisfies Record<string, FormatFacts>;

export type Format = keyof typeof FORMATS;

export const isFormat = (name: string): name is Format => Object.hasOwn(FORMATS, name);

/** Those that f32 values can be stored as. */
export const WRITABLE = ['f32', 'f16', 'bf16', 'q8_0', 'q4_0'] as const;
export type WritableFormat = (typeof WRITABLE)[number];

/** Those that a file of ggml's is written in beside them. */
export type EncodableFormat = WritableFormat | 'q4_1' | 'q5_0' | 'q4_k' | 'q6_k';

/** Those that a Hugging Face folder holds. */
export const PLAIN = ['f32', 'f16', 'bf16'] as const;
export type PlainFormat = (typeof PLAIN)[number];

/** What products of an ONNX graph are stored in; q4 is onnxruntime's own, 4 bits and a scale for each 32 of a row. */
export const ONNX = ['f32', 'f16', 'q4'] as const;
export type OnnxDtype = (typeof ONNX)[number];

/** What a model is exported as, what that is, and the dtypes it may have; an adapter keeps its own. How each is written is io/exports.ts. */
export const EXPORTS = {
  hf: { what: 'a Hugging Face folder', dtypes: PLAIN },
  gguf: { what: 'a GGUF file', dtypes: [...WRITABLE, 'q4_1', 'q4_k_m'] },
  onnx: { what: 'a folder for transformers.js and onnxruntime', dtypes: ONNX },
  peft: { what: 'the adapter alone as PEFT has it', dtypes: [] },
} satisfies Record<string, { what: string; dtypes: readonly string[] }>;

export type ExportFormat = keyof typeof EXPORTS;
export const EXPORT_FORMATS = Object.keys(EXPORTS) as ExportFormat[];
/** Every dtype that one of them takes. */
export const EXPORT_DTYPES = [...new Set(Object.values(EXPORTS).flatMap(({ dtypes }): readonly string[] => dtypes))];

/** The format that safetensors calls by this dtype. */
export function formatOfDtype(dtype: string): Format | undefined {
  return (Object.keys(FORMATS) as Format[]).find((f) => FORMATS[f].safetensors === dtype);
}

/** Bytes of `count` values; a count that is not whole blocks is an error. */
export function formatBytes(format: Format, count: number): number {
  const { block, bytes } = FORMATS[format];
  if (count % block !== 0)
    throw new Error(`expected a multiple of ${block} values for ${format}, got ${count}; choose a format that divides the row`);
  return (count / block) * bytes;
}
