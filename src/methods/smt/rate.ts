// What is published on the learning rate of SMT, as advice where the default is used.

/** Peak that the guide gives for a share (0 to 1) of the target blocks; between 5 and 10 % it is silent: the smaller. */
export function publishedRate(share_targets: number): number {
  return share_targets > 0.05 ? 2e-4 : 2e-3;
}

/**
 * The default, 1e-4, is what a later comment in SMT's released code prefers to its own 9.65e-6: ten times that code's, and still
 * below everything that the guide found to work on 1B models, so that it may be slow but does not break a model.
 */
export function rateAdvice(lr: number, share_targets: number): string {
  const share = Number((100 * share_targets).toPrecision(2));
  return (
    `learning rate ${lr.toExponential()}, the default, since --lr is not given. Published: SMT's released code 9.65e-6, and a later comment in it 1e-4; ` +
    `the SMFT guide at least 2e-3 where 1 to 5 % of the targets train and 2e-4 from 10 % on (models of 1B). ` +
    `Here ${share} % train: if the loss falls slowly, try --lr ${publishedRate(share_targets).toExponential()}`
  );
}
