// Parts of the page whose code is asked for when they are first shown: the map, one's own model and data. Their place is kept
// meanwhile, so that nothing moves when they come.

import type { FunctionComponent, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** A component that is loaded when it is first shown; `place` is the class of what stands there until then. */
export function later<P extends object>(load: () => Promise<FunctionComponent<P>>, place = ''): (props: P) => VNode {
  let there: FunctionComponent<P> | undefined;
  let coming: Promise<unknown> | undefined;
  return function Later(props: P) {
    const [fault, setFault] = useState(false);
    const [, setCame] = useState(false);
    useEffect(() => {
      if (there) return;
      coming ??= load().then((component) => {
        there = component;
      });
      coming.then(
        () => setCame(true),
        () => {
          coming = undefined;
          setFault(true);
        },
      );
    }, []);
    const Component = there;
    if (Component) return <Component {...props} />;
    return <div class={place}>{fault && <p class="empty">This part could not be loaded: reload the page.</p>}</div>;
  };
}
