// What was trained as other programs read it: a line a format, made when it is asked for, checked, and told how the check went.

import { useState } from 'preact/hooks';
import { EXPORTS, type ExportFormat } from '../../../src/formats.ts';
import { bytes } from '../../format.ts';
import { aboutBytes, dtypeFor, formatsOf, READERS, saidOf } from '../export-words.ts';
import { choosable, exportAs, exporting, type Standing, standingOf, stopExport, type Wanted } from '../exports.ts';
import { written as understood } from '../form.ts';
import { model, result, written } from '../store.ts';
import { inPageWords, labelOf } from '../words.ts';
import { Fault } from './BenchPart.tsx';

export function Exports() {
  if (!result.value) return null;
  return (
    <ul class="exports" data-testid="exports">
      {formatsOf(result.value).map((format) => (
        <Export key={format} format={format} />
      ))}
    </ul>
  );
}

function Export({ format }: { format: ExportFormat }) {
  const m = model.value;
  const { dtypes } = EXPORTS[format];
  const [chosen, setChosen] = useState<string | null>(null);
  const [rank, setRank] = useState('');
  if (m.state !== 'there') return null;
  const { name, reads } = READERS[format];
  const dtype = chosen ?? dtypeFor(format, m.value.dtype);
  const { svd, fault } = rankOf(rank, m.value.hidden_size);
  const now = standingOf(format);
  const about = dtype === null ? null : aboutBytes(m.value, dtype);
  return (
    <li data-testid={`export-${format}`} aria-busy={now.state === 'busy'}>
      <div class="what">
        <h3>{name}</h3>
        <p>{reads}</p>
      </div>
      {dtype !== null && (
        <div class="field inline">
          <label for={`dtype-${format}`}>Values</label>
          <select
            id={`dtype-${format}`}
            value={dtype}
            disabled={now.state === 'busy'}
            onChange={(e) => setChosen(e.currentTarget.value)}
          >
            {dtypes.map((one) => (
              <option key={one} value={one}>
                {one}
              </option>
            ))}
          </select>
        </div>
      )}
      {format === 'peft' && result.value?.blocks && (
        <div class="field inline">
          <label for="export-rank">{labelOf('svd')}</label>
          <input
            id="export-rank"
            inputMode="numeric"
            placeholder="exact"
            value={rank}
            disabled={now.state === 'busy'}
            aria-invalid={fault !== undefined}
            onInput={(e) => setRank(e.currentTarget.value)}
          />
        </div>
      )}
      <p class="size">
        {now.state === 'made' && now.dtype === dtype && now.svd === svd
          ? bytes(now.home.bytes)
          : about !== null && `about ${bytes(about)}`}
      </p>
      <Buttons format={format} wanted={fault === undefined ? { dtype, svd } : null} now={now} />
      {now.state === 'busy' && <Progress of={about} />}
      <div class="came" role="status">
        {fault ? <Fault text={fault} testid={`fault-${format}`} /> : <Came format={format} now={now} />}
      </div>
    </li>
  );
}

/** The rank that a person wrote: none is as many as lose nothing. */
function rankOf(text: string, hidden: number): { svd: number | null; fault?: string } {
  const { value = null, fault } = understood('svd', text);
  if (fault !== undefined || value === null) return { svd: null, fault };
  const svd = value as number;
  return svd <= hidden
    ? { svd }
    : { svd, fault: `Expected at most ${hidden}, the model’s hidden size, got ${svd}: a higher rank loses no less.` };
}

function Buttons({ format, wanted, now }: { format: ExportFormat; wanted: Wanted | null; now: Standing }) {
  const { name } = READERS[format];
  if (now.state === 'busy')
    return (
      <div class="buttons">
        <button type="button" class="button small quiet" onClick={stopExport} aria-label={`Stop: ${name}`}>
          Stop
        </button>
      </div>
    );
  const again = now.state === 'made' ? 'Export again' : 'Export';
  const into = format === 'gguf' ? 'Save as' : 'Into a folder';
  return (
    <div class="buttons">
      <button
        type="button"
        class="button small"
        disabled={exporting() || !wanted}
        onClick={() => exportAs(format, wanted!, false)}
        aria-label={`${again}: ${name}`}
        data-testid={`make-${format}`}
      >
        {again}
      </button>
      {choosable() && (
        <button
          type="button"
          class="button small quiet"
          disabled={exporting() || !wanted}
          onClick={() => exportAs(format, wanted!, true)}
          aria-label={`${into}: ${name}`}
          data-testid={`place-${format}`}
        >
          {into}
        </button>
      )}
    </div>
  );
}

function Progress({ of }: { of: number | null }) {
  const done = written.value;
  const said = {
    asking: 'The tuned model is asked, to be compared with.',
    checking: 'Written. It is opened again and compared.',
  };
  const share = typeof done === 'number' && of !== null ? Math.min(1, done / of) : undefined;
  return (
    <div class="making">
      <progress value={share} aria-label="Written" />
      <p>{typeof done === 'number' ? `Writing: ${bytes(done)}.` : said[done]}</p>
    </div>
  );
}

function Came({ format, now }: { format: ExportFormat; now: Standing }) {
  if (now.state === 'failed') return <Fault text={now.text} testid={`fault-${format}`} />;
  if (now.state !== 'made') return null;
  const { home, href } = now;
  return (
    <>
      {home.download && href && (
        <a class="button small" href={href} download={home.download.name}>
          Download {home.download.name}
        </a>
      )}
      <p data-testid={`checked-${format}`}>
        {home.at !== null && `Saved as ${home.at}. `}
        {saidOf(home)}
      </p>
      {home.notes.map((note) => (
        <p key={note} class="hint">
          {inPageWords(note)}
        </p>
      ))}
    </>
  );
}
