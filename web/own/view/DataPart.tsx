// The data: where it comes from, which column is which, what is learned, what is held out, and what was found.

import { useState } from 'preact/hooks';
import { grouped, percent } from '../../format.ts';
import { chooseBuiltInData } from '../built-in.ts';
import type { DataFacts } from '../calls.ts';
import { take } from '../drop.ts';
import { FORM_NAMES, FORMS, type Form, formOf, pastedFile } from '../paste.ts';
import { several } from '../several.ts';
import { chooseData, data, looks, model, refused, running, set } from '../store.ts';
import { BenchPart, busyTitle, Fault } from './BenchPart.tsx';
import { Choice } from './Choice.tsx';
import { Columns } from './Columns.tsx';
import { Files } from './Files.tsx';
import { Reading } from './Reading.tsx';

export function DataPart() {
  const d = data.value;
  const found = looks.value;
  return (
    <BenchPart id="data" title="Data" note="JSON lines, JSON, CSV, TSV, text or Parquet">
      {d.state === 'failed' && (
        <Fault text={d.text} testid="data-fault">
          {found.length > 0 && <SkipBad />}
        </Fault>
      )}
      {refused.value.map((text) => (
        <Fault key={text} text={text} testid="refused" />
      ))}
      {d.state === 'busy' && <p class="busy">{d.what}</p>}
      {d.state === 'there' && <Facts facts={d.value} />}
      {found.length > 0 && d.state === 'none' && model.value.state !== 'there' && (
        <p class="hint">
          {found.map((f) => `${f.name}: ${several(f.rows, 'row')}`).join('; ')}. Choose a model to see them as it does.
        </p>
      )}
      {found.length > 0 && <Columns looks={found} />}
      {found.length > 0 && <Reading />}
      <Source />
    </BenchPart>
  );
}

function SkipBad() {
  return (
    <button type="button" class="button small" onClick={() => set({ skipBadRows: true })}>
      Leave unsound rows out
    </button>
  );
}

function Source() {
  const there = looks.value.length > 0;
  return (
    <fieldset class={there ? 'source again' : 'source'} disabled={running.value} title={busyTitle()}>
      {!there && <p>Drop files anywhere on this page, choose them, or paste rows. What is in them stays in this tab.</p>}
      <div class="choices">
        <Files several testid="data-files" take={take}>
          {there ? 'Other files' : 'Choose files'}
        </Files>
        <button type="button" class="button small" onClick={chooseBuiltInData} data-testid="data-built-in">
          Built-in task
        </button>
      </div>
      <Paste />
    </fieldset>
  );
}

function Paste() {
  const [text, setText] = useState('');
  const [form, setForm] = useState<Form | null>(null);
  const seems = formOf(text);
  const use = () => void chooseData([pastedFile(text, form ?? seems)]);
  return (
    <details class="paste">
      <summary>Paste rows</summary>
      <label for="pasted" class="spoken">
        Rows, pasted
      </label>
      <textarea
        id="pasted"
        rows={5}
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
        spellcheck={false}
        placeholder={'{"prompt": "Where is the owl?", "completion": " In the barn."}'}
      />
      <div class="choices">
        <Choice
          id="read-as"
          label="Read as"
          value={form ?? seems}
          of={FORMS.map((f) => [f, FORM_NAMES[f]] as const)}
          choose={(f) => setForm(f as Form)}
          inline
        />
        <button type="button" class="button small" disabled={!text.trim()} onClick={use}>
          Use these rows
        </button>
      </div>
    </details>
  );
}

function Facts({ facts: f }: { facts: DataFacts }) {
  return (
    <div class="facts" data-testid="data-facts">
      {f.files.map((file) => (
        <p key={file.name} class="name">
          {file.name} <small>{`${several(file.rows, 'row')} of ${file.shown}`}</small>
        </p>
      ))}
      <dl>
        <div>
          <dt>To train on</dt>
          <dd>{several(f.train, 'row')}</dd>
        </div>
        <div>
          <dt>Held out</dt>
          <dd>{f.held ? several(f.held, 'row') : 'none: the loss on new rows stays unknown'}</dd>
        </div>
        <div>
          <dt>Tokens</dt>
          <dd>
            {grouped(f.tokens)}, {percent(f.learned / Math.max(1, f.tokens))} of them learned
          </dd>
        </div>
        {f.unused.length > 0 && (
          <div>
            <dt>Not used</dt>
            <dd data-testid="unused">{f.unused.map(({ name, rows }) => `${name} (${several(rows, 'row')})`).join(', ')}</dd>
          </div>
        )}
      </dl>
      {f.bad > 0 && (
        <p class="warn">
          {several(f.bad, 'unsound row')} left out; the first: {f.firstFault}
        </p>
      )}
    </div>
  );
}
