// What the built page leaves out of what it is made of: of shaders what is for readers; of packages what nothing there asks for, where
// the bundler cannot know that making it does nothing else.
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

/** Shaders without the comments, the spaces and most line ends that are for readers; the marks that the linker reads stay. */
export function leanShaders(): Plugin {
  return {
    name: 'lean-shaders',
    apply: 'build',
    enforce: 'pre',
    load(id) {
      if (!id.endsWith('.wgsl?raw')) return undefined;
      return `export default ${JSON.stringify(leanShader(readFileSync(id.replace('?raw', ''), 'utf8')))};`;
    },
  };
}

/** A shader's text, lean. A line stays one where it is a mark or a directive, which the linker takes by the line. */
export function leanShader(source: string): string {
  const lines = source.split('\n').map((line) => line.replace(/\s*\/\/(?! @).*$/, '').trim());
  return `${lines.filter((line) => line !== '').join('\n')}\n`
    .replace(/ ([^\w\s]+) (?![^\w\s(])/g, '$1') // `a - -b` stays
    .replace(/([,:;]) /g, '$1')
    .replace(/([;{}])\n(?!\/\/|enable|requires|diagnostic)/g, '$1');
}

/**
 * What stands in the built page in place of modules that it has no use for. The bundler stops at an export that is missing here.
 */
const INSTEAD: [module: RegExp, text: string][] = [
  // a page has no disk; its runs are kept by a store of the browser's
  [
    /src.io.store-disk\.ts$/,
    'export const diskStore = () => { throw new Error("expected a store, got a path: a page has no disk"); };',
  ],
  // all rows of a parquet file are read: what hyparquet finds of a filter where there is none
  [
    /hyparquet.src.filter\.js$/,
    `export const pathsNeededForFilter = () => [];
     export const columnsNeededForFilter = () => [];
     export const canSkipRowGroup = () => false;
     export const filterPageRanges = () => undefined;
     export const matchFilter = () => true;`,
  ],
  [
    /hyparquet.src.bloom\.js$/,
    `export const bloomEligibleColumns = () => [];
     export const readBloomFilter = () => undefined;`,
  ],
  // values of any kind in one column, which nobody's rows have yet: the command line reads them
  [
    /hyparquet.src.variant\.js$/,
    'export const decodeVariantColumn = () => { throw new Error("expected columns of one type, got one of variant, which a page does not read; write it as text"); };',
  ],
  // shapes on a map, which nothing is learned from
  [/hyparquet.src.wkb\.js$/, 'export const wkbToGeojson = () => null;'],
  [/hyparquet.src.geoparquet\.js$/, 'export const markGeoColumns = () => {};'],
  // Vite's own, which loads scripts and styles ahead of an import: all styles are one file, and no import names scripts to load ahead
  [/\0vite.preload-helper\.js$/, 'export const __vitePreload = (load) => load();'],
];

/** Texts of packages in which the bundler is told that what is made as they are loaded may be left out where nobody asks for it. */
const TOLD: [module: RegExp, told: (text: string) => string][] = [
  // the parser is used; what a template means is src/data/jinja. The interpreter hangs on one static field
  [/huggingface.jinja.dist.index\.js$/, (text) => text.replace(/^__publicField\(Environment,/m, '/* @__PURE__ */ $&')],
  [/wgpu-matrix.*\.module\.js$/, eachApart],
];

/** Modules of packages, and of the engine, without what a page has no use for. */
export function leanModules(): Plugin {
  const of = <T>(all: [RegExp, T][], id: string) => all.find(([module]) => module.test(id))?.[1];
  return {
    name: 'lean-modules',
    apply: 'build',
    enforce: 'pre',
    load: (id) => of(INSTEAD, id),
    transform(text, id) {
      const told = of(TOLD, id)?.(text);
      if (told === text)
        this.error(
          `expected ${id} to be written as scripts/build/lean.ts knows it, got another text; see what it makes of it now`,
        );
      return told === undefined ? undefined : { code: told, map: null };
    },
  };
}

/** wgpu-matrix makes matrices, vectors and quaternions of one kind of numbers in one call; here each is made by itself. */
function eachApart(text: string): string {
  const makers = new Map([...text.matchAll(/^\s+(\w+): (getAPI(?:\$\d)?)\(\w+Ctor\)/gm)].map(([, part, maker]) => [part, maker]));
  return text.replace(/^const \{([^}]*)\} = wgpuMatrixAPI\(\w+, (\w+),.*$/gm, (_, parts: string, numbers: string) =>
    [...parts.replace(/\/\*.*?\*\//gs, '').matchAll(/(\w+)(?:: (\w+))?/g)]
      .map(([, part, name = part]) => `const ${name} = /* @__PURE__ */ ${makers.get(part)}(${numbers});`)
      .join('\n'),
  );
}
