// The page from top to bottom. Each part reads the one state and shows its slice; nothing here computes.

import { page, startRun } from '../engine.ts';
import { Adapter } from './Adapter.tsx';
import { Answers } from './Answers.tsx';
import { BlockMap } from './BlockMap.tsx';
import { Hero } from './Hero.tsx';
import { Log } from './Log.tsx';
import { Loss } from './Loss.tsx';
import { Memory } from './Memory.tsx';
import { Panel } from './Panel.tsx';
import { Run } from './Run.tsx';
import { Skills } from './Skills.tsx';
import { Trouble } from './Trouble.tsx';

export function App() {
  const s = page.value;
  return (
    <>
      <header class="top">
        <a class="brand" href="./">
          <Mark />
          blocktune
        </a>
        <p class="device" data-testid="adapter" title="The GPU that computes here">
          <span class={`dot ${s.subject ? 'on' : ''}`} aria-hidden="true" />
          {s.subject
            ? `${s.subject.device.name}${s.subject.device.software ? ' (software: slow)' : ''}`
            : s.phase === 'opening'
              ? 'looking for a GPU'
              : 'no GPU'}
        </p>
      </header>
      <main>
        <Hero subject={s.subject} />
        {s.trouble && <Trouble trouble={s.trouble} unsupported={s.phase === 'unsupported'} />}
        {s.phase !== 'unsupported' && <Run state={s} start={startRun} />}
        {s.subject && (
          <div class="grid">
            <Panel name="loss" title="Loss" note="Surprise at the right answer, in nats a token">
              <Loss steps={s.steps} total={s.stage === 'train' ? s.total : s.steps.length} />
            </Panel>
            <Panel name="blocks" title="What trains" note="Each plate is a weight matrix">
              <BlockMap subject={s.subject} selection={s.selection} />
            </Panel>
            <Panel name="answers" title="Before and after" wide>
              <Skills state={s} />
              <Answers state={s} subject={s.subject} />
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
      <footer>
        <p>Model, data and training stay in this tab: after loading, nothing is sent anywhere. Apache-2.0.</p>
      </footer>
    </>
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
