// What is published on the learning rate of SMT.

/** Peak that the guide gives for a share (0 to 1) of the target blocks; between 5 and 10 % it is silent: the smaller. */
export function publishedRate(share_targets: number): number {
  return share_targets > 0.05 ? 2e-4 : 2e-3;
}
