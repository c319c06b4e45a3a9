// The run: started, held, stopped, watched; and what it came to.

import { progressOf } from '../../state.ts';
import { Answers } from '../../view/Answers.tsx';
import { Ask } from '../../view/Ask.tsx';
import { BlockMap } from '../../view/drawn.ts';
import { Log } from '../../view/Log.tsx';
import { Loss } from '../../view/Loss.tsx';
import { Memory } from '../../view/Memory.tsx';
import { Panel } from '../../view/Panel.tsx';
import { StageBar } from '../../view/Run.tsx';
import { askModel, pauseRun, startRun, stopAnswer, stopRun } from '../actions.ts';
import { by } from '../adapters.ts';
import { choosing } from '../choosing.ts';
import { exporting } from '../exports.ts';
import { figuresOf, shareOf, stagesOf, statusOf } from '../stages.ts';
import {
  asking,
  chatting,
  clash,
  data,
  faulty,
  model,
  past,
  paused,
  plan,
  prompts,
  replies,
  run,
  running,
  temperature,
} from '../store.ts';
import { inPageWords, labelOf } from '../words.ts';
import { Ablation } from './Ablation.tsx';
import { Adapters } from './Adapters.tsx';
import { BenchPart, Fault } from './BenchPart.tsx';
import { Explained } from './Explained.tsx';
import { Exports } from './Exports.tsx';
import { History } from './History.tsx';
import { Loading } from './ModelPart.tsx';
import { TakeHome } from './TakeHome.tsx';

export function RunPart() {
  const s = run.value;
  const begun = s.began > 0;
  return (
    <>
      <BenchPart id="run" title="Run" wide>
        <Controls />
        {s.warning && (
          <p class="live" role="status" data-testid="run-warning">
            {inPageWords(s.warning)}
          </p>
        )}
        {s.trouble && <Fault text={s.trouble.text} testid="run-fault" />}
        {begun && (
          <dl class="tiles">
            {figuresOf(s).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
      </BenchPart>
      {begun && <Watched />}
      {past.value.length > 0 && <History />}
      {model.value.state === 'there' && <Talk />}
    </>
  );
}

function Controls() {
  const s = run.value;
  const busy = running.value;
  const p = plan.value;
  const stages = stagesOf({ asks: prompts.value > 0, warmsUp: p.state === 'there' && p.value.warmup !== null });
  const lack = lacking();
  return (
    <>
      <div class="act">
        {busy ? (
          <>
            <button type="button" class="button quiet" onClick={stopRun} disabled={s.phase === 'stopping'} data-testid="own-stop">
              {s.phase === 'stopping' ? 'Stopping' : 'Stop'}
            </button>
            <button
              type="button"
              class="button quiet"
              onClick={pauseRun}
              disabled={s.phase === 'stopping' || (s.stage !== 'train' && !paused.value)}
              data-testid="own-pause"
            >
              {paused.value ? 'Resume' : 'Pause'}
            </button>
          </>
        ) : (
          <button
            type="button"
            class="button"
            onClick={startRun}
            disabled={(lack !== null && lack !== PLANNING) || asking.value || exporting()}
            data-testid="own-start"
          >
            {s.began ? 'Fine-tune again' : 'Fine-tune the model'}
          </button>
        )}
        <p class="status" role="status" aria-live="polite" data-testid="own-status">
          {statusOf(s, stages, paused.value, lack)}
        </p>
      </div>
      <ol class="stages" style={{ gridTemplateColumns: `repeat(${stages.length}, minmax(0, 1fr))` }}>
        {stages.map(({ stage, name }) => (
          <StageBar key={stage} name={name} share={shareOf(s, stage, stages)} current={busy && s.stage === stage} />
        ))}
      </ol>
      {busy && s.stage === 'open' && <Loading />}
    </>
  );
}

/** The one lack that a press of the button waits for. */
const PLANNING = 'A moment: it is being planned.';

/** What is still missing before a run, in a sentence; null where nothing is. */
function lacking(): string | null {
  if (model.value.state === 'busy' || data.value.state === 'busy') return 'A moment: it is being read.';
  if (model.value.state !== 'there') return 'Choose a model first.';
  if (data.value.state === 'failed') return 'These rows cannot be read: it says there why.';
  if (data.value.state !== 'there') return 'Choose data first.';
  if (faulty.value.length) return `What stands in ${faulty.value.map((key) => `“${labelOf(key)}”`).join(' and ')} cannot be.`;
  if (clash.value) return 'Two settings of the recipe cannot stand together.';
  const p = plan.value;
  if (p.state === 'failed') return 'This recipe cannot be run: the plan says why.';
  if (p.state !== 'there') return data.value.state === 'there' ? PLANNING : 'A moment: it is being read.';
  return p.value.over ? 'It does not fit into the memory it may take.' : null;
}

function Watched() {
  const s = run.value;
  const m = model.value;
  return (
    <>
      <Panel name="own-loss" title="Loss" note="Surprise at the right answer, in nats a token" tooled>
        <Loss
          steps={s.steps}
          earlier={s.earlier}
          held={s.held}
          total={s.stage === 'train' ? s.total : s.earlier.length + s.steps.length}
        />
      </Panel>
      {s.selection && m.state === 'there' && !choosing.value ? (
        <Panel name="own-blocks" title="What trains" note="Each plate is a weight matrix" tooled>
          <BlockMap
            matrices={m.value.matrices}
            selection={s.selection}
            scores={s.scores}
            norms={s.norms}
            progress={progressOf(s)}
          />
          {s.explained && <Explained line={s.explained} />}
        </Panel>
      ) : (
        <Panel name="own-memory" title="GPU memory" note="Planned and allocated">
          <Memory plan={s.plan} allocated={s.allocated} />
        </Panel>
      )}
      {s.examples.length > 0 && (
        <Panel name="own-answers" title="Before and after" wide>
          <Answers state={s} />
        </Panel>
      )}
      {(s.phase === 'done' || (s.phase === 'stopped' && s.steps.length > 0)) && (
        <Panel name="take-home" title="Take it home" wide>
          <TakeHome />
          <Exports />
        </Panel>
      )}
      <div class="wide">
        <Log lines={s.log} />
      </div>
    </>
  );
}

function Talk() {
  const m = model.value;
  const template = m.state === 'there' && m.value.template;
  return (
    <Panel name="talk" title="Ask it" note="By the model as it is stored, and beside it as it is tuned" wide>
      {by.value === '' && <Ablation />}
      <Adapters />
      <Ask
        free={!running.value && !asking.value}
        asking={asking.value}
        first=""
        replies={replies.value}
        ask={askModel}
        stop={stopAnswer}
      >
        <div class="field inline" title="0 takes the likeliest token">
          <label for="temperature">Temperature</label>
          <input
            id="temperature"
            type="number"
            min={0}
            max={2}
            step={0.1}
            value={temperature.value}
            onInput={(e) => {
              const { value, validity } = e.currentTarget;
              if (validity.valid) temperature.value = Number(value);
            }}
          />
        </div>
        {template && (
          <label class="flag">
            <input
              type="checkbox"
              checked={chatting.value}
              onChange={(e) => {
                chatting.value = e.currentTarget.checked;
              }}
            />
            <span>as a chat, by its template</span>
          </label>
        )}
      </Ask>
    </Panel>
  );
}
