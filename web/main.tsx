// The page's entry: styles, the view, and the worker of the way that is shown, opened at once, so that the adapter has a name before
// anything is pressed.

import { render } from 'preact';
import './style/index.css';
import { openEngine } from './engine.ts';
import { App } from './view/App.tsx';
import { followAddress } from './way.ts';

render(<App />, document.getElementById('app')!);
followAddress((way) => {
  if (way === 'own') void import('./own/store.ts').then(({ openBench }) => openBench());
  else openEngine();
});
