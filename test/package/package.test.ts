// The package as people get it: packed, installed in an empty folder, and used there: the commands, the types, and README's program
// unchanged in Node, in Deno and in a fresh Vite app in Chromium. Runs in Node; npm, the checkout's Vite and its TypeScript do the rest.

import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { build, createServer, preview } from 'vite';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { version } from '../../src/version.ts';
import { browserPath, megabytes, npm, root, run, swiftshader } from './installed.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const program = readme.match(/```js\n([\s\S]*?)```/)![1];

vi.setConfig({ maxConcurrency: 2 });

let place: string;
let whole: string;
let lean: string;
let packed: { files: { path: string }[]; filename: string; size: number };

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'blocktune-package-'));
  [packed] = JSON.parse((await npm(root, 'pack', '--json', '--pack-destination', place)).stdout);
  [whole, lean] = await Promise.all([install('whole'), install('lean', '--omit=optional')]);
});
afterAll(() => rm(place, { recursive: true, force: true }));

/** A folder with the package installed from the tarball, and README's program in it. */
async function install(name: string, ...options: string[]): Promise<string> {
  const folder = join(place, name);
  await mkdir(folder);
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
  await npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', ...options, join(place, packed.filename));
  await writeFile(join(folder, 'main.js'), program);
  return folder;
}

const blocktune = (folder: string, words: string[], more = {}) =>
  run(folder, 'npx', ['--no-install', 'blocktune', ...words], more);

describe('what it holds', () => {
  test('what is needed, and nothing of the sources', () => {
    const names = packed.files.map((f) => f.path);
    for (const needed of ['dist/index.js', 'dist/types/index.d.ts', 'dist/cli.js', 'dist/web/index.html', 'README.md', 'LICENSE'])
      expect(names).toContain(needed);
    for (const needed of ['demo/built-in/model/model.safetensors', 'demo/built-in/task/train.jsonl'])
      expect(names).toContain(needed);
    expect(names.filter((n) => /^(src|web|test|shaders|docs)\/|^demo\/(?!built-in)|(?<!\.d)\.tsx?$|\.wgsl$/.test(n))).toEqual([]);
    expect(packed.size).toBeLessThan(8e6); // onnxruntime's WebAssembly, by which the page checks an export, is more than half of it
  });

  test('both installs take what README says', async () => {
    const said = [...readme.matchAll(/takes (\d+) MB/g)].map(([, n]) => Number(n));
    const [all, few] = [await megabytes(join(whole, 'node_modules')), await megabytes(join(lean, 'node_modules'))];
    expect(said).toHaveLength(2);
    expect(all / said[0]).toBeCloseTo(1, 0.5);
    expect(Math.abs(few - said[1])).toBeLessThanOrEqual(1);
    expect(await readdir(join(lean, 'node_modules'))).not.toContain('deno');
  });

  test('its types hold where nothing else is installed', async () => {
    const source = `import { loadModel, openGpu, openModel, smt, type Gpu, type Line, type Method, type Model } from 'blocktune';
      export async function open(): Promise<Model> {
        const gpu: Gpu = await openGpu();
        const limits: GPUSupportedLimits = gpu.device.limits;
        return loadModel(gpu, await openModel('x'), { longest: limits.maxBufferSize });
      }
      export const method: Method = smt({ budget: '5%t' });
      // @ts-expect-error blocks are chosen by no such score
      export const other: Method = smt({ score: 'mean' });
      export const loss = (line: Line): number => (line.kind === 'step' ? line.loss : Number.NaN);
      // @ts-expect-error a line has no such kind
      export const wrong = (line: Line) => line.kind === 'stride';`;
    await writeFile(join(lean, 'typed.ts'), source);
    await writeFile(join(lean, 'readme.ts'), program);
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    for (const resolution of [
      ['--module', 'nodenext'],
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
    ]) {
      const words = [tsc, '--noEmit', '--strict', '--skipLibCheck', 'false', '--types', '', '--target', 'esnext', ...resolution];
      const { code, stdout } = await run(lean, process.execPath, [...words, 'typed.ts', 'readme.ts']);
      expect([code, stdout]).toEqual([0, '']);
    }
  });
});

describe('the commands', () => {
  test.concurrent('npx blocktune demo trains the built-in model', async () => {
    const { code, stderr } = await blocktune(whole, ['demo', '--out', 'adapter']);
    expect(stderr).toMatch(/new skill\s+0 % ->\s+[89]\d %/);
    expect(code).toBe(0);
    const files = ['adapter_config.json', 'adapter_model.safetensors', 'receipt.json'];
    expect((await readdir(join(whole, 'adapter'))).sort()).toEqual(files);
  });

  test.concurrent('without optional packages: plan works, and what needs a GPU says how to get one', async () => {
    const planned = await blocktune(lean, ['plan', '--json']);
    expect(JSON.parse(planned.stdout.split('\n')[0])).toMatchObject({ kind: 'plan', bound: true });
    for (const [words, cure] of [
      [['demo'], 'npm install deno webgpu'],
      [['doctor', '--runtime', 'node'], 'npm install webgpu'],
      [['doctor', '--runtime=deno'], 'npm install deno'],
    ] as const) {
      const { code, stdout, stderr } = await blocktune(lean, [...words]);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(new RegExp(`^blocktune: expected .* got .*Run: ${cure}\n$`));
    }
  });

  test('installed for all projects, it runs in any folder, in either runtime', async () => {
    await npm(place, 'install', '--global', '--prefix', join(place, 'all'), '--prefer-offline', join(place, packed.filename));
    const other = join(place, 'other');
    await mkdir(other);
    await writeFile(join(other, 'package.json'), '{ "dependencies": { "no-such-package": "1.0.0" } }');
    await writeFile(join(other, 'deno.json'), '{ "imports": { "valibot": "./not-this.js" }, "lock": true }');
    for (const runtime of ['node', 'deno']) {
      const ended = await run(other, join(place, 'all/bin/blocktune'), ['--version', '--runtime', runtime]);
      expect(ended).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    }
    expect((await readdir(other)).sort()).toEqual(['deno.json', 'package.json']);
  });

  test.concurrent('doctor says which runtime runs, and why', async () => {
    const { code, stdout, stderr } = await blocktune(whole, ['doctor', '--device', 'no such adapter']);
    expect(stdout).toMatch(/^runtime {3}Deno [\d.]+: Node's Dawn finds no hardware adapter$/m);
    expect(code).toBe(1);
    expect(stderr).toMatch(/expected an adapter with "no such adapter" in its name, got /);
  });

  test.concurrent('Node forced where its Dawn takes no adapter points to Deno', async () => {
    const none = { env: { VK_DRIVER_FILES: '/none', VK_ICD_FILENAMES: '/none' } };
    const { code, stderr } = await blocktune(whole, ['doctor', '--runtime', 'node'], none);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/blocktune: expected a WebGPU adapter, got none .*--runtime deno/)]);
  });

  test.concurrent('a wrong --runtime is refused before anything runs', async () => {
    const { code, stderr } = await blocktune(whole, ['doctor', '--runtime', 'bun']);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--runtime to be one of auto node deno chrome, got "bun"/)]);
  });

  test.concurrent.each([
    ['SIGINT', 'node'],
    ['SIGTERM', 'deno'],
    ['SIGTERM', 'chrome'],
  ] as const)('%s stops at the next step and saves, in %s', async (signal, runtime) => {
    const words = 'train --steps 5000 --lr 0.001 --warmup-steps 2 --max-length 32 --batch 1 --tune off --json'.split(' ');
    const out = `by-${runtime}`;
    const once = { env: { ...swiftshader, CHROMIUM: browserPath }, stopBy: signal, after: /"kind":"step","step":2/ };
    const { code, stdout } = await blocktuneItself(whole, [...words, '--runtime', runtime, '--out', out], once);
    const last = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect([code, last.kind, last.out]).toEqual([130, 'done', out]);
    expect(last.steps).toBeLessThan(5000);
    expect(await readdir(join(whole, out))).toContain('adapter_model.safetensors');
  });
});

/** What the library may add to a page, in kB before compression: models, methods, formats, templates and all kernels as text. */
const LIBRARY_KB = 600;

/** Without npx, so that a signal reaches the command alone. */
const blocktuneItself = (folder: string, words: string[], more = {}) =>
  run(folder, process.execPath, [join(folder, 'node_modules/blocktune/scripts/blocktune.mjs'), ...words], more);

describe("README's program", () => {
  /** What it printed: one loss a step, falling; the first is that of the same model on the same rows in every host. */
  const check = (text: string) => {
    const losses = [...text.matchAll(/loss (\d+\.\d+)/g)].map(([, x]) => Number(x));
    expect(losses.length, text).toBeGreaterThanOrEqual(8);
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]);
    expect(losses[0]).toBeCloseTo((first ??= losses[0]), 2);
  };
  let first: number | undefined;

  test('in Node', async () => {
    const { code, stdout, stderr } = await run(whole, process.execPath, ['main.js'], { env: swiftshader });
    expect(code, stderr).toBe(0);
    check(stdout);
  });

  test('in Deno', async () => {
    const { code, stdout, stderr } = await run(whole, 'npx', [
      '--no-install',
      'deno',
      'run',
      '--allow-all',
      '--quiet',
      'main.js',
    ]);
    expect(code, stderr).toBe(0);
    check(stdout);
  });

  describe('in Chromium', () => {
    let browser: Awaited<ReturnType<typeof chromium.launch>>;
    beforeAll(async () => {
      await writeFile(join(lean, 'index.html'), '<!doctype html><script type="module" src="./main.js"></script>');
      browser = await chromium.launch({ executablePath: browserPath, args: ['--enable-unsafe-webgpu', '--no-sandbox'] });
    });
    afterAll(() => browser?.close());

    /** Opens a page; what it said on the console until it said what `until` waits for. */
    async function said(url: string, until: (text: string) => boolean): Promise<string> {
      const page = await browser.newPage();
      let text = '';
      try {
        await new Promise<void>((resolve, reject) => {
          page.on('console', (m) => {
            text += `${m.text()}\n`;
            if (until(text)) resolve();
          });
          page.on('pageerror', reject);
          page.goto(url).catch(reject);
        });
      } finally {
        await page.close();
      }
      return text;
    }
    const trained = (text: string) => (text.match(/loss/g) ?? []).length >= 8;

    test('served by Vite', async () => {
      const server = await createServer({ root: lean, configFile: false, logLevel: 'error' });
      try {
        await server.listen(0);
        check(await said(server.resolvedUrls!.local[0], trained));
      } finally {
        await server.close();
      }
    });

    test('built by Vite', async () => {
      const warnings: string[] = [];
      const onLog = (_: string, log: { message: string }) => void warnings.push(log.message);
      const options = { target: 'esnext', chunkSizeWarningLimit: LIBRARY_KB, rolldownOptions: { onLog } };
      await build({ root: lean, configFile: false, logLevel: 'error', build: options });
      expect(warnings).toEqual([]);
      const model = 'node_modules/blocktune/demo/built-in';
      await cp(join(lean, model), join(lean, 'dist', model), { recursive: true });
      const server = await preview({ root: lean, configFile: false, logLevel: 'error', preview: { port: 0 } });
      try {
        check(await said(server.resolvedUrls!.local[0], trained));
      } finally {
        await server.close();
      }
    });

    test('the page of the package, served from a folder below', async () => {
      const pages = join(place, 'pages');
      await cp(join(lean, 'node_modules/blocktune/dist/web'), join(pages, 'dist/deep/down'), { recursive: true });
      const server = await preview({ root: pages, configFile: false, logLevel: 'error', preview: { port: 0 } });
      const page = await browser.newPage();
      const missing: string[] = [];
      page.on('response', (r) => r.status() >= 400 && missing.push(r.url()));
      try {
        await page.goto(`${server.resolvedUrls!.local[0]}deep/down/`);
        await page.waitForFunction(() => /\w{3}/.test(document.querySelector('[data-testid=adapter]')?.textContent ?? ''));
        await page.locator('[data-testid=start]:enabled').waitFor();
        expect(missing.filter((url) => !/generation_config|special_tokens|added_tokens|chat_template|favicon/.test(url))).toEqual(
          [],
        );
      } finally {
        await page.close();
        await server.close();
      }
    });
  });
});
