// The model: where it comes from, and what it is.

import { useState } from 'preact/hooks';
import { bytes, count, duration, grouped, percent } from '../../format.ts';
import { chooseBuiltInModel } from '../built-in.ts';
import type { ModelFacts } from '../calls.ts';
import { take } from '../drop.ts';
import { chooseModel, loading, model, running, unopened } from '../store.ts';
import { inPageWords } from '../words.ts';
import { BenchPart, busyTitle, Fault } from './BenchPart.tsx';
import { Files } from './Files.tsx';
import { KeptModels } from './KeptModels.tsx';

export function ModelPart() {
  const m = model.value;
  return (
    <BenchPart id="model" title="Model" note="Llama, Mistral, Qwen2, Qwen3, SmolLM and kin">
      {m.state === 'failed' && <Fault text={m.text} testid="model-fault" />}
      {unopened.value && <Fault text={unopened.value} testid="model-fault" />}
      {m.state === 'busy' && <p class="busy">{m.what}</p>}
      {m.state === 'busy' && <Loading />}
      {m.state === 'there' && <Facts facts={m.value} />}
      <Source />
    </BenchPart>
  );
}

function Source() {
  const there = model.value.state === 'there';
  return (
    <fieldset class={there ? 'source again' : 'source'} disabled={running.value} title={busyTitle()}>
      {!there && (
        <p>
          Drop a model folder or a .gguf file anywhere on this page, or choose one. A folder holds config.json, the .safetensors
          and tokenizer.json.
        </p>
      )}
      <div class="choices">
        <Files folder several testid="model-folder" take={take}>
          {there ? 'Another folder' : 'Choose a folder'}
        </Files>
        <Files several testid="model-files" take={take}>
          {there ? 'Other files' : 'Choose files'}
        </Files>
        <button type="button" class="button small" onClick={chooseBuiltInModel} data-testid="model-built-in">
          Built-in model
        </button>
      </div>
      <Address />
      <KeptModels />
    </fieldset>
  );
}

/** A hub name or an address: the only thing on this page that leaves it, and only when it is typed. */
function Address() {
  const [text, setText] = useState('');
  const submit = (e: Event) => {
    e.preventDefault();
    const name = text.trim();
    if (!name) return;
    const address = /^(https?:|hf:)/i.test(name) ? name : `hf:${name}`;
    void chooseModel({ name, address });
  };
  return (
    <form class="field-row" onSubmit={submit}>
      <label for="model-address">Hub name or address; its server then sees that you ask</label>
      <input
        id="model-address"
        value={text}
        onInput={(e) => setText(e.currentTarget.value)}
        placeholder="HuggingFaceTB/SmolLM2-135M-Instruct"
        autocomplete="off"
        spellcheck={false}
      />
      <button type="submit" class="button small" disabled={!text.trim()}>
        Open
      </button>
    </form>
  );
}

function Facts({ facts: f }: { facts: ModelFacts }) {
  const rows: [string, string][] = [
    ['Family', `${f.family}, ${grouped(f.layers)} layers, hidden size ${grouped(f.hidden_size)}`],
    ['Parameters', count(f.parameters)],
    [
      'Stored as',
      f.formats.map((x) => `${x.format} ${f.formats.length > 1 ? percent(x.bytes / f.bytes) : ''}`.trim()).join(', '),
    ],
    ['Size', `${bytes(f.bytes)}, ${f.form}`],
    ['Tokenizer', `${f.tokenizer}, vocabulary of ${grouped(f.vocab_size)}`],
    ['Chat template', f.template ? 'its own' : 'none: for conversations one is needed'],
    ['Ends at', f.ends.join(' ') || 'no token of its own'],
    ['Made for', `${grouped(f.context)} tokens`],
  ];
  return (
    <div class="facts" data-testid="model-facts">
      <p class="name">{f.name}</p>
      <dl>
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {f.remarks.map((text) => (
        <p key={text} class="hint">
          {inPageWords(text)}
        </p>
      ))}
    </div>
  );
}

/** Bytes read so far, and how long the rest will take at that rate. */
export function Loading() {
  const l = loading.value;
  if (!l) return null;
  const seconds = (performance.now() - l.since) / 1000;
  const left = l.all && l.done > l.from ? (seconds * (l.all - l.done)) / (l.done - l.from) : null;
  return (
    <p class="busy">
      {bytes(l.done)}
      {l.all !== null && ` of ${bytes(l.all)}`} read{left !== null && seconds > 0.5 && `, about ${duration(left)} left`}
    </p>
  );
}
