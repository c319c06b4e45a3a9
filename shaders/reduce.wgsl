// Reductions over a workgroup of WIDTH invocations (a multiple of 8), in the same order every time, so with the same bits.
// Every invocation must call them and gets the result. Two barriers and not log2(WIDTH): on a software adapter a barrier
// costs more than the sixteen additions that each invocation makes instead.

const WIDTH = 64u;
const STEP = 8u;

var<workgroup> partial: array<f32, WIDTH>;

fn sum_all(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var sum = vec4f();
  for (var i = 0u; i < WIDTH; i += 4u) {
    sum += vec4f(partial[i], partial[i + 1u], partial[i + 2u], partial[i + 3u]);
  }
  workgroupBarrier(); // the next reduction writes `partial` again
  return (sum.x + sum.y) + (sum.z + sum.w);
}

fn max_all(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  var most = vec4f(value);
  for (var i = 0u; i < WIDTH; i += 4u) {
    most = max(most, vec4f(partial[i], partial[i + 1u], partial[i + 2u], partial[i + 3u]));
  }
  workgroupBarrier();
  return max(max(most.x, most.y), max(most.z, most.w));
}

/// Which of `count` neighbouring elements an invocation visits, in steps of STEP from x to before y. Eight invocations share a run:
/// whole cache lines for a GPU, and for a software adapter (8 at a time, each loop to its end) a walk that caches can follow.
fn walk(lane: u32, count: u32) -> vec2u {
  let share = (count + WIDTH / 8u - 1u) / (WIDTH / 8u);
  let start = lane / 8u * share;
  return vec2u(start + lane % 8u, min(count, start + share));
}
