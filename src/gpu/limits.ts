// What of a device a trace may depend on: its limits, which never change, and with them what one model's programs are planned for.

/** Limits of a device, read once when it is opened. */
export interface Limits {
  /** Bytes of one storage binding at most, and of one buffer. */
  readonly maxBinding: number;
  readonly maxBuffer: number;
  /** A software adapter. */
  readonly software: boolean;
  /** Invocations of its smallest subgroup; 0 without the feature. */
  readonly subgroups: number;
}

/** The name of the fastest kernel variant of each class of shapes, as measured (autotune.ts). */
export type Choices = Readonly<Record<string, string>>;

/** Limits and what was settled beside them. Programs of one model are all planned with the same value, so that their sums agree. */
export interface Planning extends Limits {
  /** Products in half precision: asked for, and found right. */
  readonly half: boolean;
  readonly choices: Choices;
}

/** Planning for a device: f32 products and default kernels unless told. Given a Planning, the same but for what is told. */
export function planningOf(of: Limits | Planning, told: Partial<Pick<Planning, 'half' | 'choices'>> = {}): Planning {
  return Object.freeze({ half: false, choices: {}, ...of, ...told });
}
