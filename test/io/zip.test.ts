// Archives as Python's zipfile reads them, which tests every CRC.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { crc32, zipOf } from '../../src/io/zip.ts';

const folder = mkdtempSync(join(tmpdir(), 'blocktune-zip-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const python = spawnSync('python3', ['--version']).status === 0;

const file = (name: string, bytes: Uint8Array<ArrayBuffer>) => ({ name, blob: new Blob([bytes]), crc: crc32(bytes) });

const READ = `import sys, zipfile, json
with zipfile.ZipFile(sys.argv[1]) as z:
    assert z.testzip() is None
    print(json.dumps([[i.filename, i.file_size, list(z.read(i)[-3:])] for i in z.infolist() if i.file_size < 1e6]))`;

const read = (zip: Uint8Array | Blob, path = join(folder, 'a.zip')) => {
  if (zip instanceof Uint8Array) writeFileSync(path, zip);
  return JSON.parse(execFileSync('python3', ['-c', READ, path], { encoding: 'utf8' }));
};

test('the check value of the CRC, in one piece and in two', () => {
  const bytes = new TextEncoder().encode('123456789');
  expect(crc32(bytes)).toBe(0xcbf43926);
  expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf43926);
});

test.skipIf(!python)('files, folders and names beyond ASCII', async () => {
  const files = [
    file('folder/a.bin', Uint8Array.of(1, 2, 3, 250)),
    file('folder/onnx/ünï.txt', new TextEncoder().encode('words')),
    file('empty', new Uint8Array(0)),
  ];
  expect(read(new Uint8Array(await zipOf(files).arrayBuffer()))).toEqual([
    ['folder/a.bin', 4, [2, 3, 250]],
    ['folder/onnx/ünï.txt', 5, [...new TextEncoder().encode('rds')]],
    ['empty', 0, []],
  ]);
});

// no disk of a test holds 4 GiB: the headers are asked alone, with Blobs that only say that they are so large
test.skipIf(!python)('what is larger than 32 bits can say is said in ZIP64', async () => {
  const large = { name: 'large', blob: { size: 5e9 } as Blob, crc: 7 };
  const small = { name: 'behind', blob: { size: 3 } as Blob, crc: 9 };
  const parts: BlobPart[][] = [];
  const Own = globalThis.Blob;
  globalThis.Blob = class extends Own {
    constructor(all: BlobPart[]) {
      super();
      parts.push(all);
    }
  } as typeof Blob;
  zipOf([large, small]);
  globalThis.Blob = Own;
  const ends = parts[0].slice(4) as Uint8Array[];
  const end = Buffer.concat(ends);
  const start = 5e9 + (parts[0][0] as Uint8Array).length + (parts[0][2] as Uint8Array).length + 3;
  writeFileSync(join(folder, 'end'), end);
  const script = `import io, sys, zipfile, json
class Far(io.RawIOBase):
    # a file whose first ${start} bytes are not there
    def __init__(self, end): self.end, self.at = end, 0
    def seekable(self): return True
    def readable(self): return True
    def tell(self): return self.at
    def seek(self, to, how=0):
        self.at = to + (0, self.at, ${start} + len(self.end))[how]
        return self.at
    def read(self, n=-1):
        a = self.at - ${start}
        out = self.end[a:] if n < 0 else self.end[a:a + n]
        self.at += len(out)
        return out
z = zipfile.ZipFile(Far(open(sys.argv[1], 'rb').read()))
print(json.dumps([[i.filename, i.file_size, i.header_offset, i.CRC] for i in z.infolist()]))`;
  const told = JSON.parse(execFileSync('python3', ['-c', script, join(folder, 'end')], { encoding: 'utf8' }));
  const first = (parts[0][0] as Uint8Array).length;
  expect(told).toEqual([
    ['large', 5e9, 0, 7],
    ['behind', 3, 5e9 + first, 9],
  ]);
});
