// A field of the options table: a choice, a box or a line, with its own fault beside it.

import { useEffect, useState } from 'preact/hooks';
import { type Key, option } from '../../../src/options/table.ts';
import { choicesOf, defaultOf, helpOf, shown, written } from '../form.ts';
import { faulty, given, set } from '../store.ts';
import { labelOf } from '../words.ts';
import { Choice } from './Choice.tsx';

export function Field({ name, unit }: { name: Key; unit?: string }) {
  const value = (given.value as Record<string, unknown>)[name];
  const choices = choicesOf(name);
  const id = `option-${name}`;
  const help = helpOf(name);
  const usual = defaultOf(name, given.value);
  if (option(name).kind === 'flag')
    return (
      <label class="flag" title={help}>
        <input
          id={id}
          type="checkbox"
          checked={value === true}
          onChange={(e) => set({ [name]: e.currentTarget.checked || undefined })}
        />
        <span>{labelOf(name)}</span>
      </label>
    );
  if (!choices) return <Line name={name} value={shown(value)} placeholder={usual || 'none'} unit={unit} />;
  const others = choices.filter((choice) => choice !== usual).map((choice) => [choice, choice] as const);
  return (
    <Choice
      id={id}
      label={labelOf(name)}
      value={shown(value)}
      of={[['', usual ? `${usual} (default)` : 'none'], ...others]}
      choose={(choice) => set({ [name]: choice || undefined })}
      title={help}
    />
  );
}

interface LineProps {
  name: Key;
  value: string;
  placeholder: string;
  unit?: string;
}

/** A line of text. What cannot be is said, and until it is mended nothing starts. */
function Line({ name, value, placeholder, unit }: LineProps) {
  const id = `option-${name}`;
  const [text, setText] = useState(value);
  const fault = written(name, text).fault;
  const say = (is: boolean) => {
    const others = faulty.value.filter((key) => key !== name);
    faulty.value = is ? [...others, name] : others;
  };
  // a value that came from elsewhere (a recipe, a click that makes it fit) stands in the field
  useEffect(() => {
    const { value: own } = written(name, text);
    if (shown(own) === value) return;
    setText(value);
    say(false);
  }, [value]);
  useEffect(() => () => say(false), []);
  const change = (next: string) => {
    setText(next);
    const found = written(name, next);
    say(found.fault !== undefined);
    if (found.fault === undefined) set({ [name]: found.value });
  };
  return (
    <div class="field" title={helpOf(name)}>
      <label for={id}>
        {labelOf(name)}
        {unit && `, ${unit}`}
      </label>
      <input
        id={id}
        value={text}
        placeholder={placeholder}
        onInput={(e) => change(e.currentTarget.value)}
        aria-invalid={fault !== undefined}
        aria-describedby={fault ? `${id}-fault` : undefined}
        autocomplete="off"
        spellcheck={false}
      />
      {fault && (
        <small id={`${id}-fault`} class="field-fault">
          {fault}
        </small>
      )}
    </div>
  );
}
