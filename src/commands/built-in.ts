// Where the built-in model and task lie on disk: in demo/built-in, two folders above these sources and above dist/chunks as well.

/** The path of a built-in file or folder, such as model or task/train.jsonl. */
export function builtIn(name: string): string {
  const root = import.meta.dirname.split(/[\\/]/).slice(0, -2);
  return [...root, 'demo', 'built-in', name].join('/');
}
