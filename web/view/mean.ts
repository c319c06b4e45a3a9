// The running mean of a loss.

/** Weight of the newest step. */
const NEWEST = 0.15;

/** Exponential mean without the pull of its start. */
export function mean(y: number[]): number[] {
  let [sum, weight] = [0, 0];
  return y.map((value) => {
    sum = (1 - NEWEST) * sum + NEWEST * value;
    weight = (1 - NEWEST) * weight + NEWEST;
    return sum / weight;
  });
}
