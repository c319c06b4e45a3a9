// A Chromium with tabs that can be hidden: Playwright tells every page that it is in front, so this one is spoken to by its pipe.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export interface Tab {
  /** The value of an expression in the page; awaited. */
  value<T>(expression: string): Promise<T>;
  /** Brings it to the front: the tab that was there is hidden. */
  show(): Promise<unknown>;
}

export interface Browser {
  tab(address: string): Promise<Tab>;
  close(): Promise<void>;
}

export function openBrowser(executablePath: string): Browser {
  const profile = mkdtempSync(join(tmpdir(), 'blocktune-tabs-'));
  const words = ['--headless', '--no-sandbox', '--no-first-run', '--enable-unsafe-webgpu', `--user-data-dir=${profile}`];
  const child = spawn(executablePath, [...words, '--remote-debugging-pipe', 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise((done) => child.on('close', done));
  const [into, from] = [child.stdio[3] as Writable, child.stdio[4] as Readable];
  const waiting = new Map<number, (answer: { result: any; error?: { message: string } }) => void>();
  let [last, text] = [0, ''];
  from.setEncoding('utf8').on('data', (part: string) => {
    const messages = (text + part).split('\0');
    text = messages.pop()!;
    for (const message of messages) {
      const { id, ...answer } = JSON.parse(message);
      waiting.get(id)?.(answer);
    }
  });
  const send = (method: string, params: object = {}, sessionId?: string): Promise<any> =>
    new Promise((done, failed) => {
      const id = ++last;
      waiting.set(id, ({ result, error }) => (error ? failed(new Error(error.message)) : done(result)));
      into.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  return {
    async tab(url) {
      const { targetId } = await send('Target.createTarget', { url });
      const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true });
      return {
        async value(expression) {
          const of = { expression, awaitPromise: true, returnByValue: true };
          return (await send('Runtime.evaluate', of, sessionId)).result.value;
        },
        show: () => send('Target.activateTarget', { targetId }),
      };
    },
    async close() {
      await send('Browser.close').catch(() => {});
      await ended;
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
