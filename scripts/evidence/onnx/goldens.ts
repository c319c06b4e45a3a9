// Writes every golden model as ONNX in every dtype below a folder, with its row and PyTorch's logits of it.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { ONNX } from '../../../src/formats.ts';
import { mergedTensors } from '../../../src/io/adapter-merge.ts';
import { diskSource } from '../../../src/io/bytes.ts';
import { configFromHf } from '../../../src/io/config.ts';
import { onnxFolder } from '../../../src/io/onnx/folder.ts';
import { readSafetensors } from '../../../src/io/safetensors.ts';
import { storedTensor } from '../../../src/io/tensors.ts';
import { writeFolder } from '../../../src/io/write.ts';

const [folder] = process.argv.slice(2);
const goldens = new URL('../../../test/goldens/', import.meta.url);
const families = readdirSync(goldens).filter((name) => ['golden.json', 'model'].every((part) => readdirIn(name).includes(part)));

for (const family of families) {
  const at = (name: string) => new URL(`${family}/${name}`, goldens).pathname;
  const json = (name: string) => JSON.parse(readFileSync(at(name), 'utf8'));
  const config = configFromHf(json('model/config.json'));
  const { tensors: stored } = await readSafetensors(await diskSource(at('model/model.safetensors')));
  const tensors = new Map(
    [...stored.values()].map(({ name, shape, source, offset }) => [name, storedTensor(name, 'f32', shape, source, offset)]),
  );
  const logits = (await readSafetensors(await diskSource(at('golden.safetensors')))).tensors.get('logits')!;
  for (const dtype of ONNX) {
    const place = `${folder}/goldens/${family}/${dtype}`;
    mkdirSync(place, { recursive: true });
    await writeFolder(
      place,
      onnxFolder({
        config,
        generation: {},
        tokenizer: { json: {}, config: {} },
        dtype,
        tensors: (type) => mergedTensors(tensors, undefined, type),
      }),
    );
    writeFileSync(`${place}/row.json`, JSON.stringify(json('golden.json').rows[0].input_ids));
    writeFileSync(`${place}/logits.bin`, await logits.source.read(logits.offset, logits.bytes));
  }
}

function readdirIn(name: string): string[] {
  try {
    return readdirSync(new URL(`${name}/`, goldens));
  } catch {
    return [];
  }
}
