// What the page's main thread was busy with, from Chrome's trace. By the processor's time: by the clock a task also waits for the
// training, which a software adapter runs on the same cores.
import type { Browser, Page } from '@playwright/test';

export interface Task {
  /** ms of the processor. */
  busy: number;
  /** ms by the clock. */
  took: number;
}

/** Traces a page from here on; the answer ends it and gives the tasks of its main thread, the busiest first. */
export async function traceTasks(browser: Browser, page: Page): Promise<() => Promise<Task[]>> {
  await browser.startTracing(page, { categories: ['disabled-by-default-devtools.timeline', '__metadata'] });
  return async () => {
    const { traceEvents: all } = JSON.parse((await browser.stopTracing()).toString());
    const traced = all.find((e: any) => e.name === 'TracingStartedInBrowser').args.data.frames;
    const pid = traced.find((frame: any) => frame.isOutermostMainFrame).processId;
    const { tid } = all.find((e: any) => e.name === 'thread_name' && e.args.name === 'CrRendererMain' && e.pid === pid);
    return all
      .filter((e: any) => e.name === 'RunTask' && e.pid === pid && e.tid === tid)
      .map((e: any) => ({ busy: e.tdur / 1e3, took: e.dur / 1e3 }))
      .sort((a: Task, b: Task) => b.busy - a.busy);
  };
}
