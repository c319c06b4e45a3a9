// What went wrong and how to mend it.

import type { Stage } from '../protocol.ts';
import { curesFor } from '../webgpu.ts';

const DURING: Record<Stage, string> = {
  open: 'while opening',
  before: 'while asking the base',
  warmup: 'during the warm-up',
  train: 'during training',
  after: 'while asking the tuned model',
  save: 'while saving',
};

interface Props {
  trouble: { stage: Stage; text: string };
  unsupported: boolean;
  again: () => void;
}

export function Trouble({ trouble, unsupported, again }: Props) {
  const adapterless = unsupported || /WebGPU/.test(trouble.text);
  return (
    <section class="trouble" role="alert" data-testid="trouble">
      <h2>{adapterless ? 'WebGPU is not available' : `Something went wrong ${DURING[trouble.stage]}`}</h2>
      <p>{sentence(trouble.text)}</p>
      {adapterless && <Cures />}
      <button type="button" class="button small" onClick={again}>
        Try again
      </button>
    </section>
  );
}

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function Cures() {
  return (
    <dl class="cures">
      {curesFor(navigator.userAgent).map(({ browser, steps }) => (
        <div key={browser}>
          <dt>{browser}</dt>
          {steps.map((step) => (
            <dd key={step}>{step}</dd>
          ))}
        </div>
      ))}
    </dl>
  );
}
