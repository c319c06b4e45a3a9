// The recipe: the method, the few settings that matter most, all the others, and the whole as JSON and as a command line.

import { useState } from 'preact/hooks';
import { GROUPS } from '../../../src/options/table.ts';
import { METHODS } from '../../../src/parts.ts';
import { fieldsOf } from '../form.ts';
import { clash, given, prompts, set, settled } from '../store.ts';
import { BenchPart, Fault } from './BenchPart.tsx';
import { Field } from './Field.tsx';
import { RecipeText } from './RecipeText.tsx';

export function RecipePart() {
  const { method } = settled.value;
  const { first, groups } = fieldsOf(method);
  const [open, setOpen] = useState(false);
  return (
    <BenchPart id="recipe" title="Recipe" note="What is left empty has its default">
      <fieldset class="methods">
        <legend class="spoken">Method</legend>
        {METHODS.map(({ name }) => (
          <label key={name} class={name === method ? 'method chosen' : 'method'}>
            <input type="radio" name="method" value={name} checked={name === method} onChange={() => set({ method: name })} />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      <p class="hint">
        {method}: {METHODS.find((m) => m.name === method)?.help}
      </p>
      {clash.value && <Fault text={clash.value} testid="clash" />}
      <div class="fields">
        {first.map((key) => (
          <Field key={`${method} ${key}`} name={key} />
        ))}
        <div class="field" title="How many held-out rows the model answers before and after">
          <label for="prompts">Prompts to ask</label>
          <input
            id="prompts"
            type="number"
            min={0}
            max={12}
            value={prompts.value}
            onInput={(e) => {
              prompts.value = Math.max(0, Math.min(12, Math.round(Number(e.currentTarget.value)) || 0));
            }}
          />
        </div>
      </div>
      <details class="all" onToggle={(e) => setOpen(e.currentTarget.open)}>
        <summary>All settings</summary>
        {open &&
          groups.map(({ name, keys }) => (
            <fieldset key={name}>
              <legend>{name === GROUPS.watch ? 'Evaluation' : name}</legend>
              <div class="fields">
                {keys.map((key) => (
                  <Field key={`${method} ${key}`} name={key} />
                ))}
              </div>
            </fieldset>
          ))}
      </details>
      <RecipeText />
      {Object.keys(given.value).length > 0 && (
        <button
          type="button"
          class="link"
          onClick={() => set(Object.fromEntries(Object.keys(given.value).map((k) => [k, undefined])))}
        >
          Take all settings back to their defaults
        </button>
      )}
    </BenchPart>
  );
}
