// The formats that a model is exported in, one a file; what a format is made of is export.ts. Facts that the options share (names,
// dtypes) are EXPORTS in formats.ts; who asks for an export, and holds it against the model that was meant, is commands/export.
import type { ExportFormat } from '../formats.ts';
import type { Exporter } from './export.ts';
import { ggufExporter } from './export-gguf.ts';
import { hfExporter } from './export-hf.ts';
import { peftExporter } from './export-peft.ts';
import { onnxExporter } from './onnx/exporter.ts';

export const EXPORTERS: Record<ExportFormat, Exporter> = {
  hf: hfExporter,
  gguf: ggufExporter,
  onnx: onnxExporter,
  peft: peftExporter,
};
