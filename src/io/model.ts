// Opens a model wherever it lies and in whichever form: one config, tensors by their Hugging Face names, one tokenizer.
// Reads headers only; the weights come row by row, when they are asked for.

import { formatOfDtype } from '../formats.ts';
import type { ModelConfig } from '../models/config.ts';
import { withOlderFiles } from './added-tokens.ts';
import { type Folder, openPlace, type PlaceOptions, readJson, readText, type Source } from './bytes.ts';
import { configFromHf } from './config.ts';
import type { Gguf } from './gguf.ts';
import { readSafetensors, readShards, type StoredTensor } from './safetensors.ts';
import { checkTensorShapes, sameBytes, storedTensor, type TensorInfo } from './tensors.ts';

export interface TokenizerFiles {
  /** A tokenizer.json and a tokenizer_config.json, the chat template within the latter. */
  json: Record<string, any>;
  config: Record<string, any>;
}

/** The open files of a model: config, tensors by name, tokenizer. Nothing but headers has been read. */
export interface ModelFiles {
  form: 'hf' | 'hf-sharded' | 'gguf';
  /** Where it was found, for messages. */
  name: string;
  config: ModelConfig;
  generation: Record<string, any>;
  tensors: Map<string, TensorInfo>;
  tokenizer: TokenizerFiles;
  /** A GGUF's metadata; of a folder the folder itself, for files that an export carries on as they are. */
  gguf?: Gguf;
  folder?: Folder;
  close(): Promise<void>;
}

/** Opens a Hugging Face folder or a GGUF: a path, an address, `hf:OWNER/NAME`, or an open Folder or Source. */
export async function openModelFiles(where: string | Folder | Source, options: PlaceOptions = {}): Promise<ModelFiles> {
  return opening(where, options, async (place) => {
    const model = 'folder' in place ? await openFolder(place.folder) : await openGguf(place.source);
    checkVocabulary(model);
    return model;
  });
}

/** The config alone, of a model as in `openModel` or of a lone config.json: enough to plan. */
export async function openConfig(where: string | Folder | Source, options: PlaceOptions = {}): Promise<ModelConfig> {
  const opened = await opening(where, options, async (place) => {
    const close = async () => {};
    if ('folder' in place) return { config: (await readHfConfig(place.folder)).config, close };
    const { source } = place;
    if (source.name.endsWith('.json')) return { config: configFromHf(await readJson(source), {}, source.name), close };
    const { readGguf, ggufConfig } = await ggufReader();
    return { config: await ggufConfig(await readGguf(source)), close };
  });
  await opened.close();
  return opened.config;
}

type Place = { folder: Folder } | { source: Source };

// Runs `open` with every file that it opens noted, so that `close` and a failure close them all.
async function opening<T extends { close(): Promise<void> }>(
  where: string | Folder | Source,
  options: PlaceOptions,
  open: (place: Place) => Promise<T>,
): Promise<T> {
  const place = await findPlace(where, options);
  const sources: Source[] = 'source' in place ? [place.source] : [];
  const close = async () => {
    for (const source of sources) await source.close();
  };
  const noted = (folder: Folder): Folder => ({
    ...folder,
    async file(name) {
      const source = await folder.file(name);
      if (source) sources.push(source);
      return source;
    },
  });
  try {
    return { ...(await open('folder' in place ? { folder: noted(place.folder) } : place)), close };
  } catch (e) {
    await close();
    throw e;
  }
}

// A folder without a config.json but with one GGUF in it means that GGUF.
async function findPlace(where: string | Folder | Source, options: PlaceOptions): Promise<Place> {
  const place =
    typeof where === 'string' ? await openPlace(where, options) : 'list' in where ? { folder: where } : { source: where };
  if ('source' in place) return place;
  const names = (await place.folder.list()) ?? [];
  const ggufs = names.filter((name) => name.endsWith('.gguf'));
  if (names.includes('config.json') || ggufs.length === 0) return place;
  if (ggufs.length > 1) throw new Error(`expected one model in ${place.folder.name}, got ${ggufs.join(', ')}; name one of them`);
  return { source: (await place.folder.file(ggufs[0]))! };
}

async function openGguf(source: Source): Promise<ModelFiles> {
  if (/\.(safetensors|json|bin)$/.test(source.name))
    throw new Error(`expected a model folder or a .gguf file, got ${source.name}; name the folder that holds it`);
  const { readGguf, ggufModel, tokenizerFromGguf } = await ggufReader();
  const gguf = await readGguf(source);
  const tokenizer = tokenizerFromGguf(gguf);
  return { form: 'gguf', name: source.name, ...(await ggufModel(gguf)), generation: {}, tokenizer, gguf, close: async () => {} };
}

// Loaded with the first GGUF: a page that opens folders has no use for it.
async function ggufReader() {
  const [header, model, tokenizer] = await Promise.all([
    import('./gguf.ts'),
    import('./gguf-model.ts'),
    import('./gguf-tokenizer.ts'),
  ]);
  return { ...header, ...model, ...tokenizer };
}

async function openFolder(folder: Folder): Promise<ModelFiles> {
  const { config, generation } = await readHfConfig(folder);
  const { form, stored } = await readHfTensors(folder);
  const tensors = new Map<string, TensorInfo>();
  for (const { name: own, dtype, shape, source, offset } of stored.values()) {
    const name = BARE.test(own) ? `model.${own}` : own;
    if (!IGNORED.test(name)) tensors.set(name, storedTensor(name, formatOfDtype(dtype) ?? dtype, shape, source, offset));
  }
  if ((config.raw.dtype ?? config.raw.torch_dtype) === 'auto') config.dtype = dtypeOf(tensors);
  await dropTiedHead(config, tensors, folder.name);
  checkTensorShapes(new Map([...tensors].map(([name, { shape }]) => [name, shape])), config, folder.name);
  const tokenizer = await readTokenizer(folder);
  return { form, name: folder.name, config, generation, tensors, tokenizer, folder, close: async () => {} };
}

// A model saved without its head has no prefix.
const BARE = /^(embed_tokens|norm|layers\.\d+)\./;

/** What the embedding is stored as; f32 for what no model is computed in. */
function dtypeOf(tensors: Map<string, TensorInfo>): ModelConfig['dtype'] {
  const format = tensors.get('model.embed_tokens.weight')?.format;
  return format === 'f16' || format === 'bf16' ? format : 'f32';
}

// Buffers that old exports kept; they are computed from the config.
const IGNORED = /\.rotary_emb\.(inv_freq|cos_cached|sin_cached)$|\.(attn\.bias|masked_bias)$/;

async function readHfConfig(folder: Folder): Promise<{ config: ModelConfig; generation: Record<string, any> }> {
  const file = await folder.file('config.json');
  const adapter = file ? undefined : await folder.file('adapter_config.json');
  if (adapter)
    throw new Error(
      `expected a model in ${folder.name}, got an adapter; merge it into its base first (blocktune merge), or name the base as the model and this as the adapter`,
    );
  if (!file)
    throw new Error(`expected config.json in ${folder.name}, got ${await contents(folder)}; name a model folder or a .gguf file`);
  const generationFile = await folder.file('generation_config.json');
  const generation = generationFile ? await readJson(generationFile) : {};
  return { config: configFromHf(await readJson(file), generation, file.name, generationFile?.name), generation };
}

async function readHfTensors(folder: Folder): Promise<{ form: 'hf' | 'hf-sharded'; stored: Map<string, StoredTensor> }> {
  const single = await folder.file('model.safetensors');
  if (single) return { form: 'hf', stored: (await readSafetensors(single)).tensors };
  const index = await folder.file('model.safetensors.index.json');
  if (index) return { form: 'hf-sharded', stored: await readShards(folder, index) };
  const cure = (await folder.file('pytorch_model.bin')) ? 'convert pytorch_model.bin to safetensors' : 'fetch the weights';
  throw new Error(
    `expected model.safetensors or model.safetensors.index.json in ${folder.name}, got ${await contents(folder)}; ${cure}`,
  );
}

// A tied model may carry its head all the same, or alone; where it says something else than the embedding, one of the two is a lie.
async function dropTiedHead(config: ModelConfig, tensors: Map<string, TensorInfo>, name: string): Promise<void> {
  const EMBEDDING = 'model.embed_tokens.weight';
  const [head, embedding] = [tensors.get('lm_head.weight'), tensors.get(EMBEDDING)];
  if (!config.tie_word_embeddings || !head) return;
  if (!embedding) tensors.set(EMBEDDING, { ...head, name: EMBEDDING });
  else if (!(await sameBytes(head, embedding)))
    throw new Error(
      `expected lm_head.weight of ${name} to equal the embedding, as tie_word_embeddings is true; got other values: ` +
        'set that to false in config.json if the head is its own, or leave the head out',
    );
  tensors.delete('lm_head.weight');
}

/** The tokenizer of a folder, its chat template with it. */
export async function readTokenizer(folder: Folder): Promise<TokenizerFiles> {
  const file = await folder.file('tokenizer.json');
  if (!file)
    throw new Error(
      `expected tokenizer.json in ${folder.name}, got ${await contents(folder)}; save it with transformers' fast tokenizer`,
    );
  const optional = async (name: string): Promise<Record<string, any>> => {
    const found = await folder.file(name);
    return found ? readJson(found) : {};
  };
  const json = await readJson(file);
  const older = [await optional('special_tokens_map.json'), await optional('added_tokens.json')] as const;
  const config = withOlderFiles(json, await optional('tokenizer_config.json'), ...older);
  const template = await folder.file('chat_template.jinja');
  if (!template) return { json, config };
  const [own, tools] = [await readText(template), await folder.file(TOOL_TEMPLATE)];
  const named = async () => [
    { name: 'default', template: own },
    { name: 'tool_use', template: await readText(tools!) },
  ];
  return { json, config: { ...config, chat_template: tools ? await named() : own } };
}

/** Where transformers puts a template for conversations with tools, beside chat_template.jinja. */
export const TOOL_TEMPLATE = 'additional_chat_templates/tool_use.jinja';

// A token without a row in the embedding cannot be looked up: better said now than at its first row. One added token past the
// embedding (padding, mostly) is let by: where it comes up in a row, the row is refused.
function checkVocabulary(model: ModelFiles): void {
  const { vocab, added } = vocabularyOf(model.tokenizer.json);
  const { vocab_size } = model.config;
  const past = new Map([...vocab, ...added].filter(([, id]) => !(id < vocab_size)));
  const [[token, id] = []] = past;
  if (token === undefined || (past.size === 1 && id === vocab_size && !vocab.some(([own]) => own === token))) return;
  throw new Error(
    `expected every token id of the tokenizer below the ${vocab_size} rows of the embedding, got ${JSON.stringify(token)} = ${id}; ` +
      'the tokenizer belongs to another model or the embedding was not resized',
  );
}

function vocabularyOf(json: Record<string, any>): { vocab: [string, number][]; added: [string, number][] } {
  const { vocab } = json.model ?? {};
  const added = json.added_tokens ?? [];
  if (typeof vocab !== 'object' || vocab === null || !Array.isArray(added))
    throw new Error('expected model.vocab and added_tokens in tokenizer.json, got none; save it with transformers');
  // Unigram models keep a list of pairs of piece and score instead of a map.
  const pairs: [string, number][] = Array.isArray(vocab)
    ? vocab.map((piece, id) => [String(piece?.[0]), id])
    : Object.entries(vocab);
  return { vocab: pairs, added: added.map((token) => [token?.content, token?.id]) };
}

async function contents(folder: Folder): Promise<string> {
  const names = await folder.list();
  if (!names) return 'no such file';
  return names.length ? names.slice(0, 8).join(', ') : 'an empty folder';
}
