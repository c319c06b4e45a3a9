// Where the built-in model and task lie: beside the sources on disk.

/** The path of a built-in file or folder, such as model or task/train.jsonl. */
export function builtIn(name: string): string {
  return decodeURIComponent(new URL(`../../demo/built-in/${name}`, import.meta.url).pathname);
}
