// LoRA and DoRA adapters under PEFT's names, so that PEFT loads ours and we load PEFT's. An option of PEFT that would change
// the result and that is not here is an error naming it. The folder itself is read in adapter.ts.
import * as v from 'valibot';
import { elementsOf } from '../gpu/tensor.ts';
import { decode } from './dequant.ts';
import { byModule } from './peft-patterns.ts';
import type { StoredTensor, TensorToWrite } from './safetensors.ts';
import { fitting, whole } from './schema.ts';

/** y = W x + scale B A x; with DoRA the rows of W + scale B A scaled to `magnitude`. */
export interface PeftAdapter {
  method: 'lora' | 'dora';
  /** Of every matrix that has none of its own. */
  rank: number;
  alpha: number;
  /** scale = alpha / rank, or with rslora alpha / sqrt(rank). */
  use_rslora: boolean;
  dropout: number;
  /** Module names such as q_proj. */
  targets: string[];
  /** base_model_name_or_path, as PEFT notes it. */
  base: string;
  /** SHA-256 of the f32 values of each base matrix, where blocktune wrote the adapter. */
  sha256?: Record<string, string>;
  matrices: PeftMatrix[];
}

export interface PeftMatrix {
  /** The weight's Hugging Face name and its shape [out, in]. */
  name: string;
  shape: [number, number];
  /** Where they are others than the adapter's (rank_pattern, alpha_pattern). */
  rank?: number;
  alpha?: number;
  /** [rank, in] and [out, rank]. */
  A: Float32Array;
  B: Float32Array;
  /** [out]; DoRA only. */
  magnitude?: Float32Array;
}

/** The adapter in a PEFT folder's config and tensors. */
export async function readPeft(
  config: Record<string, any>,
  tensors: Map<string, StoredTensor>,
  folder: string,
): Promise<PeftAdapter> {
  refuseUnsupported(config);
  const {
    r: rank,
    lora_alpha: alpha,
    use_dora,
    use_rslora,
    lora_dropout,
    base_model_name_or_path: base,
    rank_pattern,
    alpha_pattern,
  } = fitting(CONFIG, config, 'adapter_config.json');
  const method = use_dora ? 'dora' : 'lora';
  const modules = new Set<string>();
  for (const name of tensors.keys()) modules.add(moduleOf(name, method));
  if (modules.size === 0) throw new Error(`expected LoRA matrices in ${folder}, got no tensor; save the adapter again`);
  const ranks = byModule(rank_pattern ?? {}, modules, 'rank_pattern');
  const alphas = byModule(alpha_pattern ?? {}, modules, 'alpha_pattern');
  const matrices: PeftMatrix[] = [];
  for (const module of modules) {
    const [own, counts] = [ranks.get(module) ?? rank, alphas.get(module) ?? alpha];
    const matrix = await readMatrix(module, method, own, tensors);
    matrices.push({ ...matrix, ...(own !== rank && { rank: own }), ...(counts !== alpha && { alpha: counts }) });
  }
  const targets = [...new Set([...modules].map((module) => module.split('.').at(-1)!))];
  return {
    method,
    rank,
    alpha,
    use_rslora: use_rslora ?? false,
    dropout: lora_dropout ?? 0,
    targets,
    base: base ?? '',
    matrices,
  };
}

/** The config and tensors of a folder that PEFT loads. */
export function peftFiles(adapter: PeftAdapter): { config: Record<string, unknown>; tensors: TensorToWrite[] } {
  const config = {
    peft_type: 'LORA',
    task_type: 'CAUSAL_LM',
    base_model_name_or_path: adapter.base,
    r: adapter.rank,
    lora_alpha: adapter.alpha,
    lora_dropout: adapter.dropout,
    target_modules: adapter.targets,
    use_dora: adapter.method === 'dora',
    use_rslora: adapter.use_rslora,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
    rank_pattern: patternOf(adapter, 'rank'),
    alpha_pattern: patternOf(adapter, 'alpha'),
  };
  const tensors = adapter.matrices.flatMap((matrix) => {
    const [out, inner] = matrix.shape;
    const rank = rankOf(adapter, matrix);
    const module = PREFIX + moduleNamed(matrix.name);
    const tensor = (part: string, shape: number[], values: () => Float32Array): TensorToWrite => {
      const bytes = () => {
        const { buffer, byteOffset, byteLength } = values();
        return new Uint8Array(buffer, byteOffset, byteLength);
      };
      return { name: `${module}.${part}`, dtype: 'F32', shape, bytes };
    };
    const A = tensor(LORA_A, [rank, inner], () => matrix.A);
    const B = tensor(LORA_B, [out, rank], () => matrix.B);
    return matrix.magnitude ? [A, B, tensor(MAGNITUDE, [out], () => matrix.magnitude!)] : [A, B];
  });
  return { config, tensors };
}

/** The rank of a matrix of an adapter. */
export const rankOf = (adapter: Pick<PeftAdapter, 'rank'>, matrix: Pick<PeftMatrix, 'rank'>) => matrix.rank ?? adapter.rank;

/** What B A of a matrix counts. */
export function scaleOf(
  adapter: Pick<PeftAdapter, 'rank' | 'alpha' | 'use_rslora'>,
  matrix: Pick<PeftMatrix, 'rank' | 'alpha'>,
): number {
  const rank = rankOf(adapter, matrix);
  return (matrix.alpha ?? adapter.alpha) / (adapter.use_rslora ? Math.sqrt(rank) : rank);
}

/** Whether a tensor is named as PEFT names a module's. */
export const isFactor = (name: string) => name.startsWith(PREFIX);

const ALPHA = v.pipe(v.number(), v.finite('expected a finite number'));
const CONFIG = v.object({
  r: whole(1),
  lora_alpha: ALPHA,
  rank_pattern: v.nullish(v.record(v.string(), whole(1))),
  alpha_pattern: v.nullish(v.record(v.string(), ALPHA)),
  lora_dropout: v.nullish(
    v.pipe(v.number(), v.minValue(0, 'expected a share from 0'), v.maxValue(1, 'expected a share up to 1')),
  ),
  use_dora: v.nullish(v.boolean()),
  use_rslora: v.nullish(v.boolean()),
  base_model_name_or_path: v.nullish(v.string()),
});

const PREFIX = 'base_model.model.';
const LORA_A = 'lora_A.weight';
const LORA_B = 'lora_B.weight';
const MAGNITUDE = 'lora_magnitude_vector';

// What PEFT notes without a change to the result: who, when and how the factors began. The tensors' names say which modules.
const HARMLESS = new Set(
  `alpha_pattern auto_mapping base_model_name_or_path corda_config ensure_weight_tying eva_config exclude_modules inference_mode layers_pattern
  layers_to_transform loftq_config lora_alpha lora_dropout lora_ga_config megatron_core peft_type peft_version qalora_group_size r
  rank_pattern revision runtime_config target_modules task_type use_dora use_rslora`.split(/\s+/),
);
// These ways to begin also change the base weights, so that the adapter alone is not the result.
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/i;

function refuseUnsupported(config: Record<string, any>): void {
  if (config.peft_type !== 'LORA') refuse('peft_type', config.peft_type, 'LORA');
  if (config.task_type && config.task_type !== 'CAUSAL_LM') refuse('task_type', config.task_type, 'CAUSAL_LM');
  if ((config.bias ?? 'none') !== 'none') refuse('bias', config.bias, 'none');
  const init = config.init_lora_weights;
  if (typeof init === 'string' && CHANGES_BASE.test(init))
    refuse('init_lora_weights', init, 'one that leaves the base as it was');
  for (const [option, value] of Object.entries(config)) {
    const off = value === null || value === false || (typeof value === 'object' && Object.keys(value).length === 0);
    if (!off && !HARMLESS.has(option) && option !== 'bias' && option !== 'init_lora_weights') refuse(option, value, 'off');
  }
}

/** Values that are the matrices' own, by the whole names of their modules. */
function patternOf({ matrices }: PeftAdapter, of: 'rank' | 'alpha'): Record<string, number> {
  return Object.fromEntries(matrices.flatMap((m) => (m[of] === undefined ? [] : [[moduleNamed(m.name), m[of]]])));
}

const moduleNamed = (weight: string) => weight.replace(/\.weight$/, '');

function moduleOf(name: string, method: 'lora' | 'dora'): string {
  const parts = method === 'dora' ? [LORA_A, LORA_B, MAGNITUDE] : [LORA_A, LORA_B];
  const part = parts.find((part) => name.endsWith(`.${part}`));
  if (!name.startsWith(PREFIX) || !part)
    throw new Error(`expected only ${parts.join(', ')} of modules, got ${name}; blocktune does not run this adapter`);
  return name.slice(PREFIX.length, -part.length - 1);
}

async function readMatrix(module: string, method: string, rank: number, tensors: Map<string, StoredTensor>): Promise<PeftMatrix> {
  const stored = (part: string, rule: (shape: number[]) => boolean, expected: string): StoredTensor => {
    const name = `${PREFIX}${module}.${part}`;
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`expected ${name}, got none; the adapter is incomplete`);
    if (!rule(tensor.shape))
      throw new Error(`expected ${name} of shape ${expected}, got ${tensor.shape.join(' x ')}; r, or rank_pattern, says ${rank}`);
    return tensor;
  };
  const a = stored(LORA_A, (s) => s.length === 2 && s[0] === rank, `${rank} x in`);
  const b = stored(LORA_B, (s) => s.length === 2 && s[1] === rank, `out x ${rank}`);
  const shape: [number, number] = [b.shape[0], a.shape[1]];
  const matrix = { name: `${module}.weight`, shape, A: await readValues(a), B: await readValues(b) };
  if (method === 'lora') return matrix;
  const magnitude = stored(MAGNITUDE, (s) => s.length === 1 && s[0] === shape[0], String(shape[0]));
  return { ...matrix, magnitude: await readValues(magnitude) };
}

async function readValues(tensor: StoredTensor): Promise<Float32Array> {
  const format = ({ F32: 'f32', F16: 'f16', BF16: 'bf16' } as const)[tensor.dtype];
  if (!format) throw new Error(`expected ${tensor.name} as F32, F16 or BF16, got ${tensor.dtype}; save the adapter again`);
  const values = decode(format, await tensor.source.read(tensor.offset, tensor.bytes), elementsOf(tensor.shape));
  const bad = values.find((v) => !Number.isFinite(v));
  if (bad !== undefined) throw new Error(`expected finite values in ${tensor.name}, got ${bad}; the training diverged`);
  return values;
}

function refuse(option: string, value: unknown, expected: string): never {
  throw new Error(
    `expected ${option} of adapter_config.json to be ${expected}, got ${JSON.stringify(value)}; blocktune does not run this adapter`,
  );
}
