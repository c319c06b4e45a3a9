// A made-up result of a comparison.
import type { Result } from '../../src/commands/compare/result.ts';

export function result(method: string, seed: number, lr: number, loss: number, size = '5%t'): Result {
  return {
    id: `${method}-${size}-${lr}-${seed}`,
    method,
    size,
    seed,
    lr,
    trainable: 256,
    share_targets: Number.parseFloat(size) / 100,
    share_model: 0.01,
    loss,
    exact: { right: 1, of: 2 },
    guard: { before: 1, after: 1.25 },
    device_bytes: { peak: 2e6, train: 1e6 },
    adapter_bytes: 1032,
    tokens_per_second: 100,
    steps: 2,
    warmup_seconds: 1,
    seconds: 2,
    curve: [5, loss],
    evals: [
      { step: 1, loss: 5 },
      { step: 2, loss },
    ],
    blocks: { block: 16, moved: [{ layer: 1, module: 'q_proj', row: 1, col: 0, share: 1 }] },
    settings: {},
  };
}
