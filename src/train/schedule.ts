/** The learning rate of each step: a linear rise, then constant, linear or cosine to the run's end. */

export type Schedule = 'constant' | 'linear' | 'cosine';

/** Learning rate at step t in [0, N): peak (t+1)/W for t < W; then peak, peak (N-t)/(N-W) or peak (1+cos(pi (t-W)/(N-W)))/2. */
export function lrAt(t: number, N: number, peak: number, schedule: Schedule, W: number): number {
  if (t < W) return (peak * (t + 1)) / W;
  if (schedule === 'linear') return (peak * (N - t)) / (N - W);
  if (schedule === 'cosine') return peak * 0.5 * (1 + Math.cos((Math.PI * (t - W)) / (N - W)));
  return peak;
}

/** W of `lrWarmup` X in a run of N steps: X steps, or for X below 1 ceil(X N), where 0.07 x 100 is 7 and no hair more. */
export function warmupSteps(X: number, N: number): number {
  return X < 1 ? Math.max(0, Math.ceil(X * N - 1e-9)) : Math.round(X);
}
