// A store in the browser's own file system, in Chromium: whole files or none, one run at a time, leftovers swept.
import { expect, test } from 'vitest';
import { cdp } from 'vitest/browser';

test('OPFS, in a worker', async () => {
  const worker = new Worker(new URL('./opfs.worker.ts', import.meta.url), { type: 'module' });
  const saw = await new Promise((done, fail) => {
    worker.onmessage = ({ data }) => done(data);
    worker.onerror = (e) => fail(new Error(e.message));
  });
  worker.terminate();
  expect(saw).toMatchObject({
    second: expect.stringContaining('expected no other run to write into the browser, got one that does: another tab'),
    read: { size: 5_000_003, head: [1, 2, 3, 7], text: 'again' },
    swept: ['a', 'b'],
    failed: 'Error: the source broke off',
    stays: 5,
    left: ['a', 'b'],
    none: null,
    folders: [],
    free: null,
  });
});

test('OPFS past its quota, where Chromium answers a number of bytes that is none', async () => {
  const worker = new Worker(new URL('./quota.worker.ts', import.meta.url), { type: 'module' });
  const next = () =>
    new Promise<any>((done, fail) => {
      worker.onmessage = ({ data }) => done(data);
      worker.onerror = (e) => fail(new Error(e.message));
    });
  await next();
  const chromium = cdp() as { send(method: string, of: object): Promise<unknown> };
  await chromium.send('Storage.overrideQuotaForOrigin', { origin: location.origin, quotaSize: 1_000_000 });
  worker.postMessage('go');
  const saw = await next();
  await chromium.send('Storage.overrideQuotaForOrigin', { origin: location.origin });
  worker.terminate();
  expect(saw.raw).not.toBe(5_000_000);
  expect(saw).toMatchObject({ refused: { name: 'QuotaExceededError', full: true }, names: ['a'], a: [1, 2, 3] });
});
