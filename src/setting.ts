// How messages of the engine name a setting: by the key that the library's callers give it, marked, so that a host can put its own
// name there: a flag of the command line, a label of the page's form (options/named.ts). No file below the hosts knows a flag.

/** The mark of a setting in a message: `maxLength`. */
export const setting = (key: string) => `\`${key}\``;
