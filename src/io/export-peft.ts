// The adapter alone as a folder that PEFT loads, and what is built on its form: vLLM, llama.cpp's converter. The base stays what it is.

import { setting } from '../setting.ts';
import { adapterFiles, loadAdapter } from './adapter.ts';
import { asLora } from './adapter-as-lora.ts';
import { changesOf } from './adapter-merge.ts';
import { cardFile } from './card.ts';
import type { Exporter } from './export.ts';

export const peftExporter: Exporter = {
  place: 'folder',
  async lay({ files, adapter, svd, card }) {
    if (!adapter)
      throw new Error(`expected an adapter to export in the form of PEFT, got none; name it by ${setting('adapter')}`);
    changesOf(files.tensors, adapter); // throws where it is another model's
    const { adapter: lora, notes } = asLora(adapter, svd);
    const written = adapterFiles({ ...lora, base: lora.base || (card?.base ?? files.name) });
    return {
      files: card ? [...written, cardFile({ ...card, library: 'peft', tags: [lora.method] })] : written,
      notes,
      within: svd === undefined ? 1e-3 : Number.POSITIVE_INFINITY,
    };
  },
  open: async (written, { files }) => ({ files, adapter: await loadAdapter(written) }),
};
