// A store in the browser's own file system, in Chromium: whole files or none, one run at a time, leftovers swept.
import { expect, test } from 'vitest';

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
