// Pretends that the adapter is a GPU: whoever imports src/gpu/device.ts gets device.ts of this folder. In Vitest by a plugin, for the
// command line in Deno by an import map.
import { fileURLToPath } from 'node:url';

const of = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const REAL = of('../../src/gpu/device.ts');
const PRETENDED = of('./device.ts');

/** For Vitest. */
export function pretendHardware() {
  return {
    name: 'pretend hardware',
    enforce: 'pre' as const,
    async resolveId(this: Resolver, source: string, importer: string | undefined) {
      if (!source.endsWith('/device.ts') || importer === PRETENDED) return null;
      const found = await this.resolve(source, importer, { skipSelf: true });
      return found?.id === REAL ? PRETENDED : found;
    },
  };
}

interface Resolver {
  resolve(source: string, importer: string | undefined, o: { skipSelf: boolean }): Promise<{ id: string } | null>;
}

/** For `deno run --import-map`. */
export const importMap = () => ({
  imports: { [`file://${REAL}`]: `file://${PRETENDED}` },
  scopes: { [`file://${PRETENDED}`]: { [`file://${REAL}`]: `file://${REAL}` } },
});
