// How rows are read: what is learned, how they are written, how long they may be, what is held out.

import { chooseHeld, given, heldFiles, set, settled } from '../store.ts';
import { labelOf } from '../words.ts';
import { Choice } from './Choice.tsx';
import { Field } from './Field.tsx';
import { Files } from './Files.tsx';

/** Shares that are offered; any other can be written in a recipe. */
const SHARES = ['2%', '5%', '10%', '20%'];

const TEMPLATES = [
  ['auto', 'by their kind'],
  ['chat', 'a chat'],
  ['alpaca', 'Alpaca'],
  ['plain', 'plain text'],
] as const;

export function Reading() {
  const o = settled.value;
  return (
    <fieldset class="reading">
      <legend>How rows are read</legend>
      <div class="fields">
        <Field name="learn" />
        <Choice
          id="option-template"
          label={labelOf('template')}
          value={o.template}
          of={TEMPLATES}
          choose={(template) => set({ template: template === 'auto' ? undefined : template })}
        />
        <Field name="maxLength" unit="tokens" />
        <HeldOut />
      </div>
    </fieldset>
  );
}

function HeldOut() {
  const files = heldFiles.value;
  const share = given.value.eval ?? '';
  const known = share === '' || SHARES.includes(share);
  return (
    <div class="held">
      <Choice
        id="option-eval"
        label={labelOf('eval')}
        value={files ? 'file' : share}
        of={[
          ['', 'nothing'],
          ...SHARES.map((s) => [s, `${s.replace('%', ' %')} of the rows`] as const),
          ...(known ? [] : [[share, share] as const]),
          ...(files ? [['file', files.map(({ name }) => name).join(', ')] as const] : []),
        ]}
        choose={(value) => {
          if (value === 'file') return;
          chooseHeld(null);
          set({ eval: value || undefined });
        }}
      />
      <Files
        testid="held-files"
        take={(all) => chooseHeld(all.map(({ path, blob }) => ({ name: path.split('/').at(-1)!, blob })))}
      >
        A file
      </Files>
    </div>
  );
}
