// What is fuzzed: a sound file of each kind, and what reading it means. A reader answers what it has read in a form that is checked:
// places within the file, numbers that are numbers, ids within the vocabulary. No test in here.
import { readFileSync } from 'node:fs';
import { parseRecipe } from '../../src/commands/compare/recipe.ts';
import { receiptIn } from '../../src/commands/receipt.ts';
import { loadData } from '../../src/data/load.ts';
import { readRecords } from '../../src/data/read.ts';
import { render } from '../../src/data/template.ts';
import { loadTokenizer } from '../../src/data/tokenizer.ts';
import { type Adapter, adapterFiles, loadAdapter, partsOf, type SmtAdapter } from '../../src/io/adapter.ts';
import type { PeftAdapter } from '../../src/io/adapter-peft.ts';
import { blobFolder, memorySource, readJson, type Source } from '../../src/io/bytes.ts';
import { readGguf } from '../../src/io/gguf.ts';
import { openModelFiles } from '../../src/io/model.ts';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { memoryStore } from '../../src/io/store-memory.ts';
import { selectionIn } from '../../src/methods/smt/select.ts';
import { readRecipe } from '../../src/options/recipe.ts';
import { commit, newestCheckpoint, runIn } from '../../src/train/checkpoint.ts';
import { byteTokenizer } from '../data/bytes-tokenizer.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export interface Kind {
  /** A sound file. */
  sound: () => Promise<Bytes> | Bytes;
  /** Reads one and checks what was read; throws where the file is not sound. */
  read: (bytes: Bytes, source: Source) => Promise<unknown>;
}

/** That a file which was read says what cannot be: a fault of the reader, not of the file. */
export class Wrong extends Error {}
const hold = (condition: boolean, what: string) => {
  if (!condition) throw new Wrong(what);
};

const root = new URL('../..', import.meta.url);
const file = (path: string) => new Uint8Array(readFileSync(new URL(path, root)));
const utf8 = (text: string) => new TextEncoder().encode(text);

const NAME = 'model.layers.0.self_attn.q_proj.weight';
const HASH = 'ab'.repeat(32);
const SMT: SmtAdapter = {
  ...({ method: 'smt', block: 2, targets: ['q_proj'], score: 'absmean', budget: '1%', seed: 1, version: '0' } as const),
  base: { shapes: { [NAME]: [4, 6] }, sha256: { [NAME]: HASH } },
  matrices: [{ name: NAME, index: Int32Array.of(0, 1, 1, 2), blocks: Float32Array.from({ length: 8 }, (_, i) => i / 7) }],
};
const LORA: PeftAdapter = {
  ...({ method: 'lora', rank: 2, alpha: 4, use_rslora: false, dropout: 0, targets: ['q_proj'], base: 'x' } as const),
  matrices: [{ name: NAME, shape: [4, 6], A: new Float32Array(12).fill(0.5), B: new Float32Array(8).fill(0.25) }],
};

async function adapter(made: Adapter): Promise<Bytes> {
  const files = new Map<string, Bytes>();
  for (const { name, chunks } of adapterFiles(made)) {
    const parts: BlobPart[] = [];
    if (typeof chunks === 'string' || chunks instanceof Uint8Array) parts.push(chunks as BlobPart);
    else for await (const part of chunks) parts.push(part.slice());
    files.set(name, new Uint8Array(await new Blob(parts).arrayBuffer()));
  }
  const [config, weights] = [files.get('adapter_config.json')!, files.get('adapter_model.safetensors')!];
  return new Uint8Array(await new Blob([Uint32Array.of(config.length), config, weights]).arrayBuffer());
}

async function readAdapter(bytes: Bytes): Promise<void> {
  const n = bytes.length >= 4 ? new DataView(bytes.buffer).getUint32(0, true) : 0;
  const files = { 'adapter_config.json': bytes.slice(4, 4 + n), 'adapter_model.safetensors': bytes.slice(4 + n) };
  const read = await loadAdapter(blobFolder(new Map(Object.entries(files).map(([name, part]) => [name, new Blob([part])]))));
  for (const part of partsOf(read)) holdPart(part);
}

function holdPart(part: ReturnType<typeof partsOf>[number]): void {
  if ('rank' in part) {
    for (const { A, B } of part.matrices) hold([...A, ...B].every(Number.isFinite), 'values that are numbers');
    return;
  }
  for (const { index, blocks, name } of part.matrices) {
    hold(blocks.every(Number.isFinite), 'values that are numbers');
    hold(blocks.length === (index.length / 2) * part.block ** 2, 'a block for each place');
    const [rows, cols] = part.base.shapes[name];
    hold(
      index.every((i, at) => i >= 0 && i * part.block < [rows, cols][at % 2]),
      'places within the matrix',
    );
  }
}

const rows = {
  tokenizer: byteTokenizer(),
  vocab_size: 258,
  learn: 'response',
  template: 'auto',
  max_length: 256,
  skip_bad_rows: false,
} as const;
const CHAT =
  "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% if m['role'] == 'assistant' %}</s>{% endif %}{% endfor %}";
const data = (name: string, sound: () => Bytes, template = 'auto'): Kind => ({
  sound,
  async read(_, source) {
    const { rows: read } = await loadData([{ ...source, name }], { ...rows, template });
    for (const { ids, labels } of read) {
      hold(ids.length === labels.length && ids.length <= 256, 'a label for each token');
      hold(
        ids.every((id) => id >= 0 && id < 258),
        'ids within the vocabulary',
      );
    }
  },
});

const jsonOf = async (source: Source) => readJson({ ...source, name: 'x.json' });
const within = (size: number, places: Iterable<{ offset: number; bytes: number }>) => {
  for (const { offset, bytes } of places) hold(offset >= 0 && bytes >= 0 && offset + bytes <= size, 'tensors within the file');
};

const RECORD = {
  ...{ kernels: { 'nt m64': 'tile 8' }, rates: { tried: [{ lr: 0.1, loss: null }], lr: 0.01 } },
  curve: { warmup: [3.5], loss: [2.5, null], grad_norm: [0.5, null], evals: [[2, 1.5]] as [number, number][], guard: [] },
};
const SETTINGS = { method: 'smt', lr: 0.01, betas: '0.9,0.95', noShuffle: null };
const HASHES = { config: HASH, weights: HASH, data: HASH, held: HASH, start: HASH };
const STANDING = { step: 2, choice: null, moved: false, stopping: { best: 1.5, worse: 0, last: 2 }, skips: { row: 0, all: 1 } };

/** A checkpoint, its files one behind the other. */
async function checkpoint(): Promise<Bytes> {
  const store = memoryStore();
  const state = [{ name: 'a', dtype: 'F32', shape: [6], bytes: () => new Uint8Array(24).fill(7) }];
  const run = JSON.stringify({ version: '0', ...STANDING, ...RECORD, of: { ...HASHES, settings: SETTINGS } });
  await commit(store, STEP, { 'state.safetensors': writeSafetensors(state), 'run.json': run });
  const parts = PARTS.map((name) => store.files.get(STEP)!.get(name)!);
  return new Uint8Array(await new Blob([Uint32Array.from(parts, (part) => part.length), ...parts]).arrayBuffer());
}

async function readCheckpoint(bytes: Bytes): Promise<void> {
  const head = 4 * PARTS.length;
  const sizes = PARTS.map((_, i) => (bytes.length >= head ? new DataView(bytes.buffer).getUint32(4 * i, true) : 0));
  const store = memoryStore();
  let at = head;
  store.files.set(STEP, new Map(PARTS.map((name, i) => [name, bytes.slice(at, (at += sizes[i]))])));
  const said: string[] = [];
  const found = await newestCheckpoint(store, (text) => said.push(text));
  if (!found) throw new Error(said[0]);
  hold(found.step === 2 && found.curve.loss.length === 2, 'what was written');
}

const STEP = 'step-00000002';
const PARTS = ['state.safetensors', 'run.json', 'manifest.json'];

export const KINDS: Record<string, Kind> = {
  safetensors: {
    sound: () => file('test/fixtures/io/tiny-llama-bias.safetensors'),
    read: async (_, source) => within(source.size, (await readSafetensors(source)).tensors.values()),
  },
  GGUF: {
    sound: () => file('test/fixtures/io/tiny-llama-q8_0.gguf'),
    async read(_, source) {
      within(source.size, (await readGguf(source)).tensors.values());
      const { tokenizer, config, tensors } = await openModelFiles(source);
      for (const { rows, shape } of tensors.values()) await rows(0, Math.min(1, shape[0]));
      const { vocab_size } = loadTokenizer({ json: tokenizer.json, config: tokenizer.config });
      hold(vocab_size <= config.vocab_size + 1, 'ids within the vocabulary');
    },
  },
  'SMT adapter': { sound: () => adapter(SMT), read: readAdapter },
  'LoRA adapter': { sound: () => adapter(LORA), read: readAdapter },
  'mixed adapter': { sound: () => adapter({ method: 'smt+lora', share: 0.5, blocks: SMT, factors: LORA }), read: readAdapter },
  JSONL: data('x.jsonl', () =>
    utf8(
      '{"prompt":"Who?","completion":"Me."}\n{"prompt":"Wo?","completion":"Da, \\"dort\\" \\u00e4\\ud83d\\ude00."}\r\n\n{"completion":"b","prompt":""}\n',
    ),
  ),
  chats: data(
    'y.jsonl',
    () => utf8('{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}]}\n'.repeat(3)),
    CHAT,
  ),
  JSON: data('x.json', () => utf8('[{"instruction":"a","input":"","output":"b"},{"instruction":"c","input":"d","output":"e"}]')),
  CSV: data('x.csv', () => utf8('prompt,completion\nWho?,"Me, ""I""\nand you"\r\nWo?,Da\n"",x\n')),
  TSV: data('x.tsv', () => utf8('prompt\tcompletion\na\tb\n"c\td"\te\n')),
  parquet: {
    sound: () => file('test/fixtures/data/types.parquet'),
    async read(_, source) {
      const { records } = await readRecords({ ...source, name: 'x.parquet' });
      hold(records.length < 1000 * source.size, 'rows that the file can hold');
    },
  },
  tokenizer: {
    sound: () => file('demo/built-in/model/tokenizer.json'),
    async read(_, source) {
      const tokenizer = loadTokenizer({ json: await jsonOf(source), config: { eos_token: '</s>' } });
      for (const text of ['The cow can sing.', 'ä😀 \n  1234', 'a'.repeat(500)]) {
        const ids = tokenizer.encode(text, { special: true });
        hold(
          ids.every((id) => Number.isSafeInteger(id) && id >= 0 && id < tokenizer.vocab_size),
          'ids within the vocabulary',
        );
        hold(typeof tokenizer.decode(ids, { skip_special: true }) === 'string', 'text');
      }
    },
  },
  template: {
    sound: () =>
      utf8(
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% if m.role == 'user' %}<u>{{ m.content | trim }}{% else %}<a>" +
          "{% generation %}{{ m['content'][:9] ~ eos }}{% endgeneration %}{% endif %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
      ),
    async read(bytes) {
      const messages = [
        { role: 'user', content: ' Hi ' },
        { role: 'assistant', content: 'Ho' },
      ];
      hold(typeof render(new TextDecoder().decode(bytes), { messages, eos: '</s>' }).text === 'string', 'text');
    },
  },
  recipe: {
    sound: () =>
      utf8('{"model":"m","data":["d.jsonl"],"method":"smt","budget":"5%t","steps":20,"lr":0.001,"targets":["q","v"],"seed":3}'),
    read: async (_, source) => readRecipe('train', await jsonOf(source)),
  },
  receipt: {
    sound: () =>
      utf8(
        JSON.stringify({
          ...{ receipt: 1, version: '0', runtime: 'Deno 2', start: HASH, settings: SETTINGS, blocks: HASH, ...RECORD },
          device: { name: 'a', software: true, max_binding: 1024, max_buffer: 1024, subgroups: 8 },
          recipe: { model: 'm', data: ['d.jsonl'], method: 'smt', steps: 2, lr: 0.01 },
          ...{ model: { config: HASH, weights: HASH }, rows: { data: HASH, held: HASH } },
          result: { 'adapter_model.safetensors': { bytes: 10, sha256: HASH } },
        }),
      ),
    async read(_, source) {
      const { receipt, options } = receiptIn(await jsonOf(source), 'x.json');
      hold(
        [...receipt.curve.loss, ...receipt.curve.warmup].every((x) => x === null || Number.isFinite(x)),
        'figures',
      );
      hold(Object.keys(options).length <= 5, 'the options of its recipe');
    },
  },
  checkpoint: { sound: checkpoint, read: readCheckpoint },
  'run of a checkpoint': {
    sound: () => utf8(JSON.stringify({ version: '0', ...STANDING, ...RECORD, of: { ...HASHES, settings: SETTINGS } })),
    async read(_, source) {
      const { step, curve } = runIn(await jsonOf(source));
      hold(Number.isSafeInteger(step) && step >= 0, 'a step');
      hold(Array.isArray(curve.loss), 'a curve');
    },
  },
  selection: {
    sound: () =>
      utf8(
        '{"kind":"selection","block":8,"blocks":[{"layer":0,"module":"q_proj","row":1,"col":2,"score":0.5},{"layer":1,"module":"v_proj","row":0,"col":0,"score":0.25}]}',
      ),
    async read(_, source) {
      const { block, blocks } = selectionIn(await jsonOf(source));
      hold(Number.isSafeInteger(block) && block > 0, 'a block edge');
      hold(
        blocks.every(({ layer, row, col }) => [layer, row, col].every((n) => Number.isSafeInteger(n) && n >= 0)),
        'places',
      );
    },
  },
  comparison: {
    sound: () =>
      utf8(
        '{"title":"t","common":{"steps":5,"data":["d"]},"methods":[{"name":"smt"},{"name":"lora"}],"sizes":["5%t"],"seeds":[0,1]}',
      ),
    read: async (_, source) => parseRecipe(await jsonOf(source)),
  },
};

/** Reads what was made of a file: how it ended, and what it took. */
export async function attempt(
  { read }: Kind,
  bytes: Bytes,
): Promise<{ refused?: Error; ms: number; taken: number; memory: number }> {
  let taken = 0;
  const source = memorySource(bytes, 'x');
  const counted: Source = {
    ...source,
    read(offset, length) {
      taken = Math.max(taken, length);
      return source.read(offset, length);
    },
  };
  const before = process.memoryUsage().rss;
  const start = performance.now();
  const refused = await read(bytes, counted).then(
    () => undefined,
    (e: Error) => e,
  );
  return { refused, ms: performance.now() - start, taken, memory: process.memoryUsage().rss - before };
}

/** Beside 4 times the file: what a runtime takes for itself, compiling and collecting as it likes. */
const OWN_MEMORY = 96 << 20;

/** What is wrong with how an attempt ended; undefined where all is well. */
export function faultOf(bytes: Bytes, { refused, ms, taken, memory }: Awaited<ReturnType<typeof attempt>>): string | undefined {
  if (refused instanceof Wrong) return `read, with not: ${refused.message}`;
  if (refused && !/expected .+/s.test(refused.message)) return `an error not in words: ${refused.stack}`;
  if (ms > 2000) return `${Math.round(ms)} ms`;
  if (taken > bytes.length) return `${taken} bytes read at once of ${bytes.length}`;
  return memory > 4 * bytes.length + OWN_MEMORY ? `${memory} bytes of memory for a file of ${bytes.length}` : undefined;
}
