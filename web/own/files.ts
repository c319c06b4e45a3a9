// What was dropped or chosen, sorted: a model, data, an adapter, or none of them and then why. By names alone; what is within is the engine's to say.

/** A file with its path below what was dropped. */
export interface Dropped {
  path: string;
  blob: Blob;
}

export interface Sorted {
  /** The files of one model by their names in its folder, and what the model is called. */
  model: { name: string; files: { name: string; blob: Blob }[] } | null;
  data: { name: string; blob: Blob }[];
  /** The folder of an adapter. */
  adapter: { name: string; files: { name: string; blob: Blob }[] } | null;
  /** A sentence for each file that is neither. */
  refused: string[];
}

const DATA = /\.(jsonl|ndjson|json|csv|tsv|txt|parquet)$/i;
const OF_MODELS =
  /(^|\/)(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config|chat_template)\.json$|\.safetensors(\.index\.json)?$|\.jinja$|(^|\/)(merges\.txt|tokenizer\.model)$/i;

/** Why a file of this name is no use here, and what would be. */
const CURES: [RegExp, string][] = [
  [
    /(^|\/)adapter_(config\.json|model\.safetensors)$/i,
    'is part of an adapter. Drop both of its files, adapter_config.json and adapter_model.safetensors.',
  ],
  [/\.(bin|pt|pth|ckpt)$/i, 'holds PyTorch weights, which may run code when read. Save the model as safetensors and drop that.'],
  [/\.onnx$/i, 'is made for inference and cannot be trained. Drop the model it was exported from, as safetensors or GGUF.'],
  [/\.(zip|gz|tgz|tar|xz|7z|zst)$/i, 'is packed. Unpack it and drop what is inside.'],
  [/\.(xlsx?|ods)$/i, 'is a spreadsheet. Save it as CSV and drop that.'],
  [/\.(docx?|pdf|rtf|odt|html?)$/i, 'is a document. Save its text as .txt and drop that.'],
];

/** Sorts files. Everything beside a config.json belongs to its model; hidden files are passed over. */
export function sortFiles(all: readonly Dropped[]): Sorted {
  const seen = all.filter(({ path }) => !path.split('/').some((part) => part.startsWith('.')));
  const adapter = adapterIn(seen);
  const files = seen.filter((file) => !adapter?.all.includes(file));
  const sorted: Sorted = { model: null, data: [], adapter: adapter && { name: adapter.name, files: adapter.files }, refused: [] };
  const gguf = files.filter(({ path }) => /\.gguf$/i.test(path));
  const configs = files.filter(({ path }) => nameOf(path) === 'config.json').sort((a, b) => depth(a) - depth(b));
  if (gguf.length) {
    sorted.model = { name: nameOf(gguf[0].path), files: [{ name: nameOf(gguf[0].path), blob: gguf[0].blob }] };
    for (const { path } of gguf.slice(1)) sorted.refused.push(`${path} is a second model. One is tuned at a time.`);
  } else if (configs.length) sorted.model = folderOf(configs[0], files);
  const loose = files.filter(({ path }) => OF_MODELS.test(path) && !CURES[0][0].test(path));
  if (!sorted.model && loose.some(({ path }) => /\.safetensors$/i.test(path)))
    sorted.model = {
      name: loose.map(({ path }) => nameOf(path)).join(', '),
      files: loose.map(({ path, blob }) => ({ name: nameOf(path), blob })),
    };
  const others = configs.slice(1).filter(({ path }) => sorted.model && !isBelow(path, configs[0]));
  for (const { path } of others) sorted.refused.push(`${parentOf(path)} is a second model. One is tuned at a time.`);
  const taken = new Set(sorted.model?.files.map(({ blob }) => blob));
  for (const { path, blob } of files) {
    if (taken.has(blob) || /\.gguf$/i.test(path) || others.some((config) => isBelow(path, config))) continue;
    const cure = CURES.find(([pattern]) => pattern.test(path))?.[1];
    const beside = inFolder(sorted, configs, path);
    if (beside) continue;
    if (cure) sorted.refused.push(`${path} ${cure}`);
    else if (OF_MODELS.test(path))
      sorted.refused.push(`${path} is part of a model. Drop its whole folder: config.json, the .safetensors and tokenizer.json.`);
    else if (DATA.test(path)) sorted.data.push({ name: nameOf(path), blob });
    else sorted.refused.push(`${path} is neither a model nor data. Data ends in .jsonl, .json, .csv, .tsv, .txt or .parquet.`);
  }
  return sorted;
}

/** Files that lie beside an adapter's two where they are not in a folder of their own. */
const BESIDE_ADAPTER = /^(adapter_(config\.json|model\.safetensors)|receipt\.json|README\.md)$/i;

/** The folder of the outermost adapter of which both files are there, and all that was dropped in it. */
function adapterIn(files: readonly Dropped[]) {
  const named = (name: string) =>
    files.filter(({ path }) => nameOf(path).toLowerCase() === name).sort((a, b) => depth(a) - depth(b));
  const weights = named('adapter_model.safetensors').map(({ path }) => parentOf(path));
  const config = named('adapter_config.json').find(({ path }) => weights.includes(parentOf(path)));
  if (!config) return null;
  const parent = parentOf(config.path);
  const all = files.filter(({ path }) => (parent ? path.startsWith(parent) : BESIDE_ADAPTER.test(path)));
  const own = all.filter(({ path }) => parentOf(path) === parent);
  return { name: parent.split('/').at(-2) ?? 'unnamed', files: own.map(({ path, blob }) => ({ name: nameOf(path), blob })), all };
}

/** Of a model's own folder, what it does not need is passed over in silence: read-me files, other formats of the weights. */
const inFolder = ({ model }: Sorted, [config]: Dropped[], path: string) =>
  model !== null && config !== undefined && isBelow(path, config);

/** Whether a file lies in the folder of a config, or below it; loose files lie in none. */
const isBelow = (path: string, config: Dropped) => parentOf(config.path) !== '' && path.startsWith(parentOf(config.path));

function folderOf(config: Dropped, files: readonly Dropped[]): NonNullable<Sorted['model']> {
  const parent = parentOf(config.path);
  const beside = files.filter(({ path }) => parentOf(path) === parent && (parent !== '' || isOfModel(path)));
  const named = beside.map(({ path, blob }) => ({ name: nameOf(path), blob }));
  // weights may have any name where there is one file of them
  const weights = named.filter(({ name }) => /\.safetensors$/i.test(name));
  if (weights.length === 1) weights[0].name = 'model.safetensors';
  return { name: parent.split('/').at(-2) ?? 'model', files: named };
}

const isOfModel = (path: string) => OF_MODELS.test(path);
const nameOf = (path: string) => path.split('/').at(-1)!;
const parentOf = (path: string) => path.slice(0, path.length - nameOf(path).length);
const depth = ({ path }: Dropped) => path.split('/').length;
