// The page's entry: styles, the view, and the worker of the way that is shown, opened at once, so that the adapter has a name before
// anything is pressed.

import { render } from 'preact';
import './style/index.css';
import { openEngine } from './engine.ts';
import { openBench } from './own/store.ts';
import { App } from './view/App.tsx';
import { followAddress } from './way.ts';

render(<App />, document.getElementById('app')!);
followAddress((way) => (way === 'own' ? openBench() : openEngine()));
