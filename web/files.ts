// The built-in model's files, fetched whole and at once: together they are under a megabyte, so ranges would cost more than they save.

import { blobFolder } from '../src/parts.ts';

const FILES = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];

/** The model folder at an address, in memory. */
export async function fetchModel(address: string): Promise<ReturnType<typeof blobFolder>> {
  const blobs = await Promise.all(FILES.map((name) => fetchFile(new URL(name, address).href, name)));
  return blobFolder(new Map(FILES.map((name, i) => [name, blobs[i]])), address);
}

async function fetchFile(url: string, name: string): Promise<Blob> {
  const answer = await fetch(url).catch((e: Error) => e);
  if (answer instanceof Error)
    throw new Error(`expected ${name} from ${url}, got: ${answer.message}; check the network and try again.`);
  if (!answer.ok)
    throw new Error(
      `expected ${name} at ${url}, got HTTP ${answer.status}; reload the page, or look whether its server has the file.`,
    );
  return answer.blob();
}
