// The page's own model and task, as things that can be chosen like a person's own.

import { askedBy } from '../address.ts';
import { recipeFor } from '../recipe.ts';
import { chooseData, chooseModel, given, running } from './store.ts';

const at = (name: string) => new URL(name, document.baseURI).href;
const file = (name: string, address: string) => ({ name, address: at(address) });

export function chooseBuiltInModel(): Promise<void> {
  const files = ['config.json', 'model.safetensors', 'tokenizer.json', 'tokenizer_config.json'];
  return chooseModel({ name: 'the built-in model', files: files.map((name) => file(name, `model/${name}`)) });
}

export function chooseBuiltInData(): Promise<void> {
  return chooseData([file('train.jsonl', 'task/train.jsonl')], [file('heldout.jsonl', 'task/heldout.jsonl')]);
}

/** All of it, by its own recipe. */
export async function chooseBuiltInTask(): Promise<void> {
  if (running.value) return;
  await Promise.all([chooseBuiltInModel(), chooseBuiltInData()]);
  given.value = recipeFor(askedBy(location.search)).given;
}
