// `compare`: runs a recipe's methods side by side.
import type { Task } from '../task.ts';

export async function compareVerb(_task: Task): Promise<void> {}
