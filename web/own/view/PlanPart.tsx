// Memory before the run: what it takes by what the bytes are for, against what it may take, and a click that makes it fit.

import { COST_ROWS, type CostLine } from '../../../src/commands/cost-rows.ts';
import { GPU_NAMES } from '../../../src/gpus.ts';
import { parseSize } from '../../../src/size.ts';
import { bytes, count, duration, grouped } from '../../format.ts';
import { Bars, Legend } from '../../view/Memory.tsx';
import { makeFit } from '../actions.ts';
import type { GpuFacts, PlanFacts } from '../calls.ts';
import { fitted, given, gpu, plan, set, speedOf } from '../store.ts';
import { inPageWords, labelOf } from '../words.ts';
import { BenchPart, Fault } from './BenchPart.tsx';
import { Choice } from './Choice.tsx';

/** Limits that are offered: browsers do not tell how much memory a GPU has. */
const LIMITS = ['1GB', '2GB', '3GB', '4GB', '6GB', '8GB', '10GB', '12GB', '16GB', '24GB', '32GB', '48GB', '80GB'];

export function PlanPart() {
  const p = plan.value;
  const g = gpu.value.state === 'there' ? gpu.value.value : null;
  return (
    <BenchPart id="plan" title="Memory" note="Planned to the byte before anything is allocated">
      <Limit gpu={g} />
      {p.state === 'none' && <p class="empty">The plan stands here once there are a model and data.</p>}
      {p.state === 'busy' && <p class="busy">{p.what}</p>}
      {p.state === 'failed' && <Fault text={p.text} testid="plan-fault" />}
      {p.state === 'there' && <Figures plan={p.value} gpu={g} />}
      {fitted.value.length > 0 && (
        <ul class="fitted" role="status" data-testid="fitted">
          {fitted.value.map((text) => (
            <li key={text}>{text}</li>
          ))}
        </ul>
      )}
    </BenchPart>
  );
}

function Limit({ gpu: g }: { gpu: GpuFacts | null }) {
  const { memory } = given.value;
  const offered = memory && !LIMITS.includes(memory) ? [memory, ...LIMITS] : LIMITS;
  return (
    <div class="fields limit-field">
      <Choice
        id="option-memory"
        label={labelOf('memory')}
        value={memory ?? ''}
        of={[['', 'not said'], ...offered.map((limit) => [limit, limit.replace('GB', ' GB')] as const)]}
        choose={(limit) => set({ memory: limit || undefined })}
      />
      {g && (
        <p class="hint">
          Browsers do not tell how much memory a GPU has: say it, and the plan is held against it. {g.name} lets one buffer have{' '}
          {bytes(g.maxBuffer)}.
        </p>
      )}
    </div>
  );
}

function Figures({ plan: p, gpu: g }: { plan: PlanFacts; gpu: GpuFacts | null }) {
  const limit = given.value.memory ? parseSize(given.value.memory) : null;
  const largest = p.warmup && p.warmup.bytes.total > p.train.bytes.total ? p.warmup : p.train;
  const over = limit !== null && p.peak > limit;
  return (
    <div class="memory" data-testid="plan-figures">
      <p class="figure">
        <b data-testid="plan-total">{bytes(p.peak)}</b> {p.train.bound ? 'at most' : 'in all'}
        {p.recompute && ', with layers made again in the backward'}
        {limit !== null && (over ? `: ${bytes(p.peak - limit)} too much` : `: ${bytes(limit - p.peak)} to spare`)}
      </p>
      <Bars bytes={largest.bytes} of={Math.max(limit ?? 0, p.peak)} limit={limit} />
      {over && (
        <div class="fault" role="alert" data-testid="over">
          <p>
            It does not fit into {bytes(limit)}.{g?.software ? ' The processor’s memory is what counts here.' : ''}
          </p>
          <button type="button" class="button small" onClick={makeFit} data-testid="make-fit">
            Make it fit
          </button>
        </div>
      )}
      <Legend bytes={largest.bytes} />
      <dl class="legend plain">
        <div>
          <dt>Trains</dt>
          <dd>{count(p.train.trainable)} parameters</dd>
        </div>
        {p.warmup && (
          <div>
            <dt>Warm-up before it</dt>
            <dd>{bytes(p.warmup.bytes.total)}</dd>
          </div>
        )}
        <div>
          <dt>Run</dt>
          <dd>
            {grouped(p.steps)} steps, micro-batches of up to {grouped(p.tokens)} tokens
          </dd>
        </div>
        {p.expected && (
          <div>
            <dt>Expected</dt>
            <dd data-testid="expected">
              {stepTime(p.expected.ms)} a step, {duration((p.steps * p.expected.ms) / 1000)} in all
            </dd>
          </div>
        )}
      </dl>
      <StepTime plan={p} />
      <Costs of={p.costs} />
      {!over && p.note && <p class="hint">{inPageWords(p.note)}</p>}
    </div>
  );
}

const stepTime = (ms: number) => (ms < 1000 ? `${Number(ms.toPrecision(2))}\u00a0ms` : duration(ms / 1000));

/** By whose published figures the time of a step is estimated: browsers do not tell which GPU it is. */
function StepTime({ plan: p }: { plan: PlanFacts }) {
  const what = { arithmetic: 'arithmetic', memory: 'reading memory', dispatches: 'starting kernels' }[p.expected?.bound ?? ''];
  return (
    <div class="step-time">
      <Choice
        id="speed-of"
        label="Time of a step on"
        value={speedOf.value}
        of={[['', 'choose a GPU'], ...GPU_NAMES.map((name) => [name, name] as const)]}
        choose={(name) => {
          speedOf.value = name;
        }}
        inline
      />
      {p.expected && <p class="hint">An estimate, good to a factor of two; most of it is {what}.</p>}
    </div>
  );
}

/** What `plan --cost` prints: figures by rows, programs by columns. */
function Costs({ of: costs }: { of: CostLine[] }) {
  if (!costs.length) return null;
  const rows = COST_ROWS.map(([name, of]) => ({ name: name.trim(), within: name.startsWith(' '), cells: costs.map(of) })).filter(
    ({ cells }) => cells.some(Boolean),
  );
  return (
    <details data-testid="costs">
      <summary>What a step does, counted</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region is reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="What a step does, as a table">
        <table class="costs">
          <thead>
            <tr>
              <th scope="col">a step</th>
              {costs.map((c) => (
                <th key={c.program} scope="col">
                  {c.program}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ name, within, cells }) => (
              <tr key={name}>
                <th scope="row" class={within ? 'within' : undefined}>
                  {name}
                </th>
                {cells.map((cell, i) => (
                  <td key={costs[i].program}>{cell ?? ''}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </details>
  );
}
