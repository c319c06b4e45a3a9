// Rows as the model sees them, token by token: what is learned is tinted, special tokens stand out, what is cut is said, and rows in
// which nothing is learned are shouted about. The rows are those of the verb `rows`, from the same function.

import { useEffect, useState } from 'preact/hooks';
import { grouped } from '../../format.ts';
import { type DataFacts, type SeenToken, SHOWS, type Show } from '../calls.ts';
import { several } from '../several.ts';
import { data, rowsOf, settled } from '../store.ts';
import { BenchPart } from './BenchPart.tsx';
import { Choice } from './Choice.tsx';
import { Lengths } from './Lengths.tsx';

/** Rows on a page of the viewer. */
const PAGE = 8;
/** Tokens of a row that are shown until the rest is asked for. */
const AT_ONCE = 400;

export function Tokens() {
  const d = data.value;
  if (d.state !== 'there') return null;
  return (
    <BenchPart id="tokens" title="What the model sees" note="Tinted tokens are learned; the others are only read" wide>
      <Viewer facts={d.value} />
    </BenchPart>
  );
}

function Viewer({ facts }: { facts: DataFacts }) {
  const [show, setShow] = useState<Show>('all');
  const [from, setFrom] = useState(0);
  const [rows, setRows] = useState<SeenToken[][]>([]);
  useEffect(() => {
    let latest = true;
    rowsOf(show, from, PAGE)
      .then((found) => latest && setRows(found))
      .catch(() => {}); // the rows are being read anew: what shows them comes again
    return () => {
      latest = false;
    };
  }, [facts, show, from]);
  const look = (next: Show) => {
    setShow(next);
    setFrom(0);
  };
  const of = countsOf(facts);
  return (
    <>
      {facts.nothing > 0 && (
        <div class="shout" role="alert" data-testid="nothing-learned">
          <p>
            <b>{several(facts.nothing, 'row')}</b> of {grouped(facts.rows)} teach nothing: no token of theirs is learned, so they
            are left out.
            {facts.cut > 0 && ' Where a row is cut before its answer, a longer row is the cure.'}
          </p>
          <button type="button" class="button small" onClick={() => look('nothing')}>
            Show them
          </button>
        </div>
      )}
      <Lengths facts={facts} longest={settled.value.maxLength} />
      <div class="viewer-tools">
        <Choice
          id="show-rows"
          label="Rows"
          value={show}
          of={SHOWS.filter((s) => of[s] > 0 || s === 'all').map((s) => [s, `${NAMES[s]} (${grouped(of[s])})`] as const)}
          choose={(s) => look(s as Show)}
          inline
        />
        <Pager from={from} all={of[show]} go={setFrom} />
      </div>
      <ol class="rows" data-testid="rows">
        {rows.map((tokens) => (
          <Row key={tokens[0]?.row?.index} tokens={tokens} />
        ))}
      </ol>
    </>
  );
}

const NAMES: Record<Show, string> = {
  all: 'all',
  learned: 'trained on',
  held: 'held out',
  cut: 'cut',
  nothing: 'nothing learned',
};

const countsOf = (f: DataFacts): Record<Show, number> => ({
  all: f.rows,
  learned: f.train,
  held: f.held,
  cut: f.cut,
  nothing: f.nothing,
});

function Pager({ from, all, go }: { from: number; all: number; go: (from: number) => void }) {
  const last = Math.min(all, from + PAGE);
  return (
    <div class="pager">
      <button type="button" class="button small" disabled={from === 0} onClick={() => go(Math.max(0, from - PAGE))}>
        Earlier
      </button>
      <span aria-live="polite">{all === 0 ? 'none' : `${grouped(from + 1)} to ${grouped(last)} of ${grouped(all)}`}</span>
      <button type="button" class="button small" disabled={last >= all} onClick={() => go(from + PAGE)}>
        Later
      </button>
    </div>
  );
}

function Row({ tokens }: { tokens: SeenToken[] }) {
  const [whole, setWhole] = useState(false);
  const { index = 0, cut = 0, learned = 0, held = false } = tokens[0]?.row ?? {};
  const shown = whole ? tokens : tokens.slice(0, AT_ONCE);
  const facts = [
    several(tokens.length, 'token'),
    learned ? `${grouped(learned)} learned` : 'nothing learned',
    cut > 0 && `${grouped(cut)} cut off`,
    held && 'held out',
  ];
  return (
    <li class={learned ? 'seen' : 'seen nothing'} data-index={index}>
      <p class="seen-head">
        Row {grouped(index + 1)} <span>{facts.filter(Boolean).join(', ')}</span>
      </p>
      <p class="seen-text">
        {runsOf(shown).map((run) => (run.learned ? <mark key={run.from}>{run.tokens.map(token)}</mark> : run.tokens.map(token)))}
        {shown.length < tokens.length && (
          <button type="button" class="link" onClick={() => setWhole(true)}>
            {' '}
            {several(tokens.length - shown.length, 'more token')}
          </button>
        )}
        {cut > 0 && shown.length === tokens.length && <span class="cut"> ✂ {several(cut, 'token')} cut off here</span>}
      </p>
    </li>
  );
}

interface Run {
  from: number;
  learned: boolean;
  tokens: SeenToken[];
}

/** Tokens side by side that are learned, or are not. */
function runsOf(tokens: SeenToken[]): Run[] {
  const runs: Run[] = [];
  for (const [i, t] of tokens.entries()) {
    const last = runs.at(-1);
    if (last?.learned === t.learned) last.tokens.push(t);
    else runs.push({ from: i, learned: t.learned, tokens: [t] });
  }
  return runs;
}

function token({ id, text, learned, special }: SeenToken, i: number) {
  const title = `token ${id}${learned ? ', learned' : ''}${special ? ', special' : ''}`;
  return (
    <span key={i} class={special ? 'token special' : 'token'} data-id={id} data-learned={learned ? '1' : '0'} title={title}>
      {text === '' ? <i class="partial">▫</i> : visible(text)}
    </span>
  );
}

/** Line ends are shown and kept; a tab is shown. */
function visible(text: string): string {
  return text.replaceAll('\r', '␍').replaceAll('\n', '↵\n').replaceAll('\t', '⇥\t');
}
