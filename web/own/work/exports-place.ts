// Where exports lie that are to be downloaded: in the browser's own file system, in a folder for each tab, which goes with the tab. A tab
// that is there holds the lock of its folder.

const FOLDER = 'exports';
const own = crypto.randomUUID();
let held = false;

const directory = async () => (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });
const lockOf = (name: string) => `blocktune-${FOLDER}-${name}`;

/** The folder of this tab's worker, for as long as that lives. */
export async function ownExports(): Promise<FileSystemDirectoryHandle> {
  if (!held)
    await new Promise<void>((taken) => {
      void navigator.locks.request(lockOf(own), () => {
        taken();
        return new Promise(() => {}); // let go of by its end alone
      });
    });
  held = true;
  return (await directory()).getDirectoryHandle(own, { create: true });
}

/** Deletes what tabs left that are no longer there. Never fails. */
export async function sweepExports(): Promise<void> {
  try {
    const all = await directory();
    const { held: locks = [] } = await navigator.locks.query();
    const there = new Set(locks.map(({ name }) => name));
    const left: string[] = [];
    for await (const name of (all as FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }).keys())
      if (!there.has(lockOf(name))) left.push(name);
    for (const name of left) await all.removeEntry(name, { recursive: true }).catch(() => {});
  } catch {
    // without a file system of its own the browser keeps nothing
  }
}
