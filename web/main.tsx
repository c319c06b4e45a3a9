// The page's entry: styles, the view, and the worker opened at once, so that the adapter has a name before anything is pressed.

import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/page.css';
import { openEngine } from './engine.ts';
import { App } from './view/App.tsx';

render(<App />, document.getElementById('app')!);
openEngine();
