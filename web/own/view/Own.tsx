// The second way in: a person's own model and data, from what they are to what they become. Things may be dropped anywhere on it.

import { useEffect, useState } from 'preact/hooks';
import { Trouble } from '../../view/Trouble.tsx';
import { TASK } from '../../way.ts';
import { chooseBuiltInTask } from '../built-in.ts';
import { droppedFiles, take } from '../drop.ts';
import { gpu, restart } from '../store.ts';
import { BlocksPart } from './BlocksPart.tsx';
import { DataPart } from './DataPart.tsx';
import { ModelPart } from './ModelPart.tsx';
import { PlanPart } from './PlanPart.tsx';
import { RecipePart } from './RecipePart.tsx';
import { RunPart } from './RunPart.tsx';
import { Tokens } from './Tokens.tsx';
import { Unfinished } from './Unfinished.tsx';

export function Own() {
  const over = useDrop();
  useEffect(() => {
    if (location.hash !== TASK) return;
    history.replaceState(null, '', '#own'); // once
    void chooseBuiltInTask();
  }, []);
  const g = gpu.value;
  return (
    <main class={over ? 'own dropping' : 'own'}>
      <section class="intro">
        <h1>Your own model and data</h1>
        <p>
          Open a model, see your rows as it sees them, choose what trains, and take the result home. All of it happens in this
          tab.
        </p>
      </section>
      {g.state === 'failed' && <Trouble trouble={{ stage: 'open', text: g.text }} unsupported again={restart} />}
      <Unfinished />
      <div class="bench">
        <ModelPart />
        <DataPart />
        <Tokens />
        <div class="pair wide">
          <RecipePart />
          <PlanPart />
        </div>
        <BlocksPart />
        <RunPart />
      </div>
    </main>
  );
}

/** Whether something is held over the page; what is dropped there is taken. */
function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hold = (e: DragEvent) => {
      if (!e.dataTransfer?.types.includes('Files')) return;
      e.preventDefault();
      setOver(true);
    };
    const leave = (e: DragEvent) => {
      if (e.relatedTarget === null) setOver(false);
    };
    const drop = (e: DragEvent) => {
      if (!e.dataTransfer) return;
      e.preventDefault();
      setOver(false);
      void droppedFiles(e.dataTransfer).then(take);
    };
    addEventListener('dragover', hold);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', hold);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
    };
  }, []);
  return over;
}
