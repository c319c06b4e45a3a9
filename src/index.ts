// The library: what a program that embeds blocktune calls. A run, in words:
//   const gpu = await openGpu();                                   // or openGpu({ device: 'llvmpipe' })
//   const files = await openModel('SmolLM2-135M');                 // a folder, a .gguf, a URL, a dropped folder
//   const model = await loadModel(gpu, files, 512, 'keep');        // onto the device; 512: the longest row it will see
//   const data = await loadData([source], { tokenizer: loadTokenizer(files.tokenizer), ... });
//   const tuned = await tune(model, data, options, (line) => console.log(line));
//   const adapter = await smtAdapter(model, tuned.matrices, ...);

export { type Dataset, loadData, loadPrompts } from './data/load.ts';
export { loadTokenizer, type Tokenizer } from './data/tokenizer.ts';
export { type Decoding, generate, planDecoding } from './eval/generate.ts';
export { planLikelihood, scoreRows, summary } from './eval/likelihood.ts';
export { closeGpu, type Gpu, openGpu } from './gpu/device.ts';
export { dispose, prepare } from './gpu/run.ts';
export { adapterFiles, loadAdapter } from './io/adapter.ts';
export { blobFolder, blobSource, memorySource } from './io/bytes.ts';
export { type ModelFiles, openModel } from './io/model.ts';
export type { Line, Report } from './report.ts';
export { loadModel, type Model } from './train/model.ts';
export type { TuneOptions } from './train/options.ts';
export { type Tuned, tune } from './train/tune.ts';
