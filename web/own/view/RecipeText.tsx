// The recipe to take along: as JSON to copy, save and load, and as a command line.

import { useState } from 'preact/hooks';
import { commandOf, readText, recipeText, withPlaces } from '../recipe-text.ts';
import { given, heldFiles, modelFrom, options, trainFiles } from '../store.ts';
import { inPageWords } from '../words.ts';
import { Fault } from './BenchPart.tsx';
import { Files } from './Files.tsx';

export function RecipeText() {
  const [said, setSaid] = useState('');
  const [fault, setFault] = useState('');
  const whole = withPlaces(options.value, { model: modelFrom.value, train: trainFiles.value, held: heldFiles.value });
  const json = safely(() => recipeText(whole));
  const command = commandOf(whole);
  const copy = async (text: string, what: string) => {
    await navigator.clipboard.writeText(text).then(
      () => setSaid(`${what} copied.`),
      () => setSaid('The browser did not let it be copied: select the text instead.'),
    );
  };
  const load = async (blob: Blob) => {
    try {
      const { options: read, named } = readText(await blob.text());
      given.value = read;
      setFault('');
      setSaid(`Recipe loaded.${named.length ? ` It also names ${named.join('; ')}: drop what is not here yet.` : ''}`);
    } catch (e) {
      setFault(inPageWords((e as Error).message));
    }
  };
  return (
    <details class="recipe-text">
      <summary>Copy, save or load the recipe</summary>
      {fault && <Fault text={fault} testid="recipe-fault" />}
      <div class="choices">
        <button type="button" class="button small" onClick={() => copy(json, 'Recipe')}>
          Copy JSON
        </button>
        <a class="button small" download="recipe.json" href={`data:application/json,${encodeURIComponent(json)}`}>
          Save
        </a>
        <Files testid="recipe-file" take={([file]) => void load(file.blob)}>
          Load
        </Files>
        <button type="button" class="button small" onClick={() => copy(command, 'Command')}>
          Copy command
        </button>
        <span role="status" class="hint">
          {said}
        </span>
      </div>
      <p class="hint">The same run without a window, in the folder that holds the files:</p>
      <pre>
        <code data-testid="command">{command}</code>
      </pre>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region is reached by keys */}
      <pre class="json" tabIndex={0}>
        <code data-testid="recipe-json">{json}</code>
      </pre>
    </details>
  );
}

function safely(make: () => string): string {
  try {
    return make();
  } catch (e) {
    return inPageWords((e as Error).message);
  }
}
