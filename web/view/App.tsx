// The page from top to bottom, by its two ways in: the built-in task, and a person's own model and data (own/). Each part reads the
// state and shows its slice; nothing here computes.

import { askModel, giveUp, openEngine, page, startRun } from '../engine.ts';
import { progressOf } from '../state.ts';
import { way } from '../way.ts';
import { Adapter } from './Adapter.tsx';
import { AdapterName } from './AdapterName.tsx';
import { Answers } from './Answers.tsx';
import { Ask } from './Ask.tsx';
import { BlockMap } from './drawn.ts';
import { Hero } from './Hero.tsx';
import { Log } from './Log.tsx';
import { Loss } from './Loss.tsx';
import { later } from './later.tsx';
import { Memory } from './Memory.tsx';
import { Panel } from './Panel.tsx';
import { Run } from './Run.tsx';
import { Skills } from './Skills.tsx';
import { Trouble } from './Trouble.tsx';

/** Its forms know the engine's options, which the built-in task has no use for. */
const Own = later(async () => (await import('../own/view/Own.tsx')).Own, 'own-place');
const OwnAdapter = later(async () => (await import('../own/view/OwnAdapter.tsx')).OwnAdapter);

export function App() {
  const own = way.value === 'own';
  return (
    <>
      <header class="top">
        <a class="brand" href="./">
          <Mark />
          blocktune
        </a>
        <nav aria-label="What is tuned">
          <a href="#built-in" aria-current={own ? undefined : 'page'}>
            Built-in task
          </a>
          <a href="#own" aria-current={own ? 'page' : undefined} data-testid="own-way">
            Your own model and data
          </a>
        </nav>
        {own ? <OwnAdapter /> : <BuiltInAdapter />}
      </header>
      {own ? <Own /> : <BuiltIn />}
      <footer>
        <p>Model, data and training stay in this tab: after loading, nothing is sent anywhere. Apache-2.0.</p>
      </footer>
    </>
  );
}

function BuiltInAdapter() {
  const { subject, phase } = page.value;
  const text = phase === 'opening' ? 'looking for a GPU' : 'no GPU';
  return <AdapterName gpu={subject?.device ?? null} otherwise={text} />;
}

function BuiltIn() {
  const s = page.value;
  return (
    <main>
      <Hero subject={s.subject} />
      {s.trouble && <Trouble trouble={s.trouble} unsupported={s.phase === 'unsupported'} again={openEngine} />}
      {s.phase !== 'unsupported' && <Run state={s} start={startRun} giveUp={giveUp} />}
      {s.subject && (
        <div class="grid">
          <Panel name="loss" title="Loss" note="Surprise at the right answer, in nats a token" tooled>
            <Loss steps={s.steps} earlier={s.earlier} total={s.stage === 'train' ? s.total : s.earlier.length + s.steps.length} />
          </Panel>
          <Panel name="blocks" title="What trains" note="Each plate is a weight matrix" tooled>
            <BlockMap
              matrices={s.subject.matrices}
              selection={s.selection}
              scores={s.scores}
              norms={s.norms}
              progress={progressOf(s)}
            />
          </Panel>
          <Panel name="answers" title="Before and after" wide>
            <Skills state={s} />
            <Answers state={s} />
            <Ask
              free={s.asking === null && ['ready', 'done', 'stopped'].includes(s.phase)}
              asking={s.asking !== null}
              first="Make it a question: The fox can swim."
              replies={s.replies}
              ask={askModel}
            />
          </Panel>
          <Panel name="memory" title="GPU memory" note="Planned to the byte before anything is allocated">
            <Memory plan={s.plan} allocated={s.allocated} />
          </Panel>
          <Panel name="adapter-panel" title="Your adapter" note="The trained blocks, as differences from the base">
            <Adapter files={s.adapter} selection={s.selection} />
          </Panel>
        </div>
      )}
      <Log lines={s.log} />
    </main>
  );
}

/** Nine blocks, four of them chosen. */
function Mark() {
  const chosen = [1, 5, 6];
  return (
    <svg class="mark" viewBox="0 0 16 16" aria-hidden="true">
      {Array.from({ length: 9 }, (_, i) => (
        <rect
          key={i}
          x={1 + 5 * (i % 3)}
          y={1 + 5 * Math.floor(i / 3)}
          width="4"
          height="4"
          rx="1"
          opacity={chosen.includes(i) ? 1 : 0.25}
        />
      ))}
    </svg>
  );
}
