// For test files that run whole commands in their process. Each opens the GPU and compiles its kernels anew, which takes longer than a
// small run itself: here they all get one device, which is kept with what was compiled on it. Every `openGpu` has memory, scopes and
// counts of its own as ever. Not for tests of a device's end: this one has none. No test in here.

/** From here on, in this process. Where WebGPU has no global classes (Node) nothing is kept. */
export function keepDevice(): void {
  const { GPUAdapter: Adapter, GPUDevice: Device } = globalThis as Partial<typeof globalThis>;
  if (!Adapter || !Device) return;
  const adapters = {};
  remember(Adapter.prototype, 'requestDevice', function (asked) {
    return [adapters, `${this.info.description} ${JSON.stringify(asked)}`];
  });
  remember(Device.prototype, 'createShaderModule', function ({ code }) {
    return [this, code];
  });
  remember(Device.prototype, 'createComputePipelineAsync', function ({ compute }) {
    return [this, compute.module];
  });
  Device.prototype.destroy = () => undefined; // closeGpu frees the buffers before
}

/** What a method answered is answered again, where `keyOf` says the same owner and key; a promise that failed is forgotten. */
function remember<T extends object, K extends keyof T>(
  type: T,
  name: K,
  keyOf: (this: T, asked: any) => [owner: object, key: unknown],
): void {
  const real = type[name] as (this: T, asked: unknown) => unknown;
  const made = new WeakMap<object, Map<unknown, unknown>>();
  type[name] = function (this: T, asked: unknown) {
    const [owner, key] = keyOf.call(this, asked);
    const known = made.get(owner) ?? new Map();
    made.set(owner, known);
    if (!known.has(key)) {
      const answer = real.call(this, asked);
      known.set(key, answer);
      if (answer instanceof Promise) answer.catch(() => known.delete(key));
    }
    return known.get(key);
  } as T[K];
}
