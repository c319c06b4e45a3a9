// The same reductions for GPUs, over WIDTH invocations (a multiple of 16) that visit neighbouring elements together: each sums every
// 16th share, then all sum the 16 sums. Two barriers, and never two invocations on one bank.

const WIDTH = 256u;
const STEP = WIDTH;

var<workgroup> partial: array<f32, WIDTH>;
var<workgroup> sixteen: array<f32, 16>;

fn sum_all(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  let mine = lane % 16u;
  var sum = 0.0;
  for (var i = mine; i < WIDTH; i += 16u) { sum += partial[i]; }
  if (lane < 16u) { sixteen[lane] = sum; }
  workgroupBarrier();
  var all = 0.0;
  for (var i = 0u; i < 16u; i++) { all += sixteen[i]; }
  return all;
}

fn max_all(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  let mine = lane % 16u;
  var most = partial[mine];
  for (var i = mine + 16u; i < WIDTH; i += 16u) { most = max(most, partial[i]); }
  if (lane < 16u) { sixteen[lane] = most; }
  workgroupBarrier();
  var all = sixteen[0];
  for (var i = 1u; i < 16u; i++) { all = max(all, sixteen[i]); }
  return all;
}

/// Which of `count` elements an invocation visits, in steps of STEP from x to before y.
fn walk(lane: u32, count: u32) -> vec2u {
  return vec2u(lane, count);
}
