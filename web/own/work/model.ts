// A model opened and described: headers, config and tokenizer; no weight is read and no GPU is asked.

import { openFiles } from '../../../src/commands/open.ts';
import { withDefaults } from '../../../src/options/table.ts';
import {
  blobFolder,
  blobSource,
  DESKTOP,
  decoderFor,
  elementsOf,
  type OpenModel,
  type Place,
  storedBytes,
  targetsOf,
} from '../../../src/parts.ts';
import type { Matrix } from '../../protocol.ts';
import type { ModelFacts, ModelFrom } from '../calls.ts';
import { type Bench, fetched } from './bench.ts';
import { dropModel } from './device.ts';
import { keptPlace } from './kept-models.ts';

/** Opens a model in the place of the one before it. */
export async function openOwn(b: Bench, from: ModelFrom): Promise<ModelFacts> {
  const remarks: string[] = [];
  const o = withDefaults('hub' in from && from.hub ? { hub: from.hub } : {});
  const opened = await openFiles(
    o,
    await placeOf(b, from, (text) => remarks.push(text)),
    (line) => line.kind === 'note' && remarks.push(line.text),
  );
  dropModel(b);
  await b.opened?.files.close();
  b.adapters.clear();
  Object.assign(b, { opened, data: null, scored: null });
  return factsOf(opened, from.name, remarks);
}

async function placeOf(b: Bench, from: ModelFrom, note: (text: string) => void): Promise<Place> {
  if ('address' in from) return keptPlace(b, from, note);
  const files = await Promise.all(
    from.files.map(async (f) => [f.name, 'blob' in f ? f.blob : await fetched(f.address, f.name)] as const),
  );
  const [[name, blob]] = files;
  return /\.gguf$/i.test(name) ? blobSource(blob, name) : blobFolder(new Map(files), from.name);
}

function factsOf({ files, tokenizer }: OpenModel, name: string, remarks: string[]): ModelFacts {
  const { config, tensors } = files;
  const formats = new Map<string, number>();
  let parameters = 0;
  for (const t of tensors.values()) {
    parameters += elementsOf(t.shape);
    formats.set(t.format, (formats.get(t.format) ?? 0) + storedBytes(t));
  }
  const bytes = [...formats.values()].reduce((a, b) => a + b, 0);
  const ids = config.eos_token_ids.length ? config.eos_token_ids : [tokenizer.eos ?? -1];
  return {
    name,
    form: { hf: 'Hugging Face folder', 'hf-sharded': 'Hugging Face folder in shards', gguf: 'GGUF file' }[files.form],
    family: config.model_type,
    parameters,
    layers: config.n_layers,
    hidden_size: config.hidden_size,
    vocab_size: config.vocab_size,
    context: config.max_position_embeddings,
    dtype: config.dtype,
    formats: [...formats].map(([format, n]) => ({ format, bytes: n })).sort((x, y) => y.bytes - x.bytes),
    bytes,
    tokenizer: files.tokenizer.json.model?.type ?? 'unnamed',
    template: tokenizer.chatTemplate !== undefined,
    ends: ids.map((id) => tokenizer.decode([id], { skip_special: false })).filter((text) => text !== ''),
    matrices: matricesOf({ files, tokenizer }),
    remarks,
  };
}

/** Matrices that blocks may be chosen in, by the model's shapes alone. */
function matricesOf({ files }: OpenModel): Matrix[] {
  const decoder = decoderFor(files.config)(1, 'f32', DESKTOP.maxBinding);
  const modules = Object.keys(decoder.layers[0].matrices) as (keyof (typeof decoder.layers)[0]['matrices'])[];
  return targetsOf(decoder, modules).map(({ layer, module, rows, cols }) => ({ layer, module, rows, cols }));
}
