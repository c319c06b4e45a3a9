// Reductions over a workgroup of WIDTH invocations (a power of two) by a tree: the same order every time, so the same bits.
// Every invocation must call them and gets the result.
const WIDTH = 64u;
var<workgroup> partial: array<f32, WIDTH>;

fn sum_all(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = WIDTH / 2u; half > 0u; half >>= 1u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let result = partial[0];
  workgroupBarrier(); // the next reduction writes `partial` again
  return result;
}

fn max_all(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var half = WIDTH / 2u; half > 0u; half >>= 1u) {
    if (lane < half) {
      partial[lane] = max(partial[lane], partial[lane + half]);
    }
    workgroupBarrier();
  }
  let result = partial[0];
  workgroupBarrier();
  return result;
}
