// What is said of exports before and after: which there are, who reads them, how they are called, how large each is about, how the check
// went. Knows no state.

import { EXPORTS, type ExportFormat, FORMATS } from '../../src/formats.ts';
import type { ModelFacts, ModelFrom, TakenHome } from './calls.ts';

/** Who reads each format, as a line of the list. */
export const READERS: Record<ExportFormat, { name: string; reads: string }> = {
  hf: { name: 'The whole model', reads: 'A folder for transformers, vLLM and this page.' },
  gguf: { name: 'GGUF', reads: 'One file for llama.cpp, Ollama and LM Studio.' },
  onnx: { name: 'ONNX', reads: 'A folder for transformers.js and onnxruntime.' },
  peft: { name: 'Adapter for PEFT', reads: 'A folder for PEFT and vLLM.' },
};

/** What a run left: the model itself trained, or an adapter; whether that has blocks. */
export interface Left {
  model: boolean;
  blocks: boolean;
}

/** Formats of what the last run left: where the base itself was trained there is no adapter. */
export const formatsOf = (left: Pick<Left, 'model'>): ExportFormat[] =>
  (Object.keys(EXPORTS) as ExportFormat[]).filter((format) => format !== 'peft' || !left.model);

/** The dtype that a format has where none is chosen: the base's, or the format's first. */
export function dtypeFor(format: ExportFormat, base: string): string | null {
  const { dtypes } = EXPORTS[format];
  return dtypes.find((dtype) => dtype === base) ?? dtypes[0] ?? null;
}

/** Bytes of a model in a dtype, roughly: rows that are no whole blocks take more, and so do tokenizers. */
export function aboutBytes({ parameters, vocab_size, hidden_size }: Size, dtype: string): number {
  const { bytes, block } = FORMATS[dtype === 'q4_k_m' ? 'q4_k' : dtype === 'q4' ? 'q4_1' : (dtype as keyof typeof FORMATS)];
  const embedding = dtype === 'q4' ? 4 * vocab_size * hidden_size : 0; // ONNX has it in f32, the products alone in 4 bits
  return (parameters * bytes) / block + embedding;
}

/** What decides how large a model is. */
export type Size = Pick<ModelFacts, 'parameters' | 'vocab_size' | 'hidden_size'>;

/** What an export of a model is called: the model's name in letters that every system takes. */
export function nameFor(from: ModelFrom | null, format: ExportFormat, dtype: string | null, svd: number | null = null): string {
  const last =
    (from?.name ?? 'model')
      .split(/[\\/:]/)
      .filter(Boolean)
      .at(-1) ?? 'model';
  const plain =
    last
      .replace(/\.(gguf|safetensors)$/i, '')
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[-.]+|[-.]+$/g, '') || 'model';
  const words = [
    plain,
    'tuned',
    format === 'gguf' ? dtype : dtype === null ? (svd === null ? format : `${format}-r${svd}`) : `${format}-${dtype}`,
  ];
  return `${words.join('-')}${format === 'gguf' ? '.gguf' : ''}`;
}

/** What opening it again came to, in a sentence. */
export function saidOf({ rows, tuned, base, logits }: TakenHome): string {
  const by = logits
    ? `Run in onnxruntime-web on ${logits.rows} rows of yours: logits are within ${figure(logits.tuned)} of the tuned model’s. Compared`
    : 'Opened again and compared';
  const far = base === null ? '' : `; the untrained model’s are up to ${figure(base)} away`;
  return `${by} on ${rows} rows: log-probabilities are within ${figure(tuned)} nats of the tuned model’s${far}.`;
}

const figure = (x: number): string => (x === 0 ? '0' : x < 1e-3 ? x.toExponential(1) : String(Number(x.toPrecision(2))));
