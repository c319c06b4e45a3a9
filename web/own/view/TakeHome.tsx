// The files of the result, made when they are asked for: an adapter is small, a whole model is not.

import { useEffect, useState } from 'preact/hooks';
import { type Download, Downloads } from '../../view/Downloads.tsx';
import { takeResult } from '../actions.ts';
import { run } from '../store.ts';
import { inPageWords } from '../words.ts';
import { Fault } from './BenchPart.tsx';

export function TakeHome() {
  const [files, setFiles] = useState<Download[]>([]);
  const [state, setState] = useState<'' | 'making' | 'made'>('');
  const [fault, setFault] = useState('');
  const { began } = run.value;
  useEffect(() => {
    setState('');
    setFault('');
    setFiles([]);
  }, [began]);
  useEffect(
    () => () => {
      for (const { href } of files) URL.revokeObjectURL(href);
    },
    [files],
  );
  const make = async () => {
    setState('making');
    try {
      setFiles((await takeResult()).map(({ name, blob }) => ({ name, size: blob.size, href: URL.createObjectURL(blob) })));
      setState('made');
    } catch (e) {
      setFault(inPageWords((e as Error).message));
      setState('');
    }
  };
  return (
    <div class="adapter">
      {fault && <Fault text={fault} testid="result-fault" />}
      {state !== 'made' && (
        <button type="button" class="button small" onClick={make} disabled={state === 'making'} data-testid="make-result">
          {state === 'making' ? 'Making the files' : 'Make the files'}
        </button>
      )}
      <Downloads files={files} />
      {state === 'made' && (
        <p class="hint">Put them in one folder: it is what the command line takes as an adapter, or as a model.</p>
      )}
    </div>
  );
}
