// Cross-entropy over panels of the vocabulary, one after the other, one workgroup a row: what attention does where keys and values are the head.
// logits: those of the panel's tokens, of ids id0 and after; where it trains they become exp(l - top of the row so far), and what was summed
// before under a lower top is made smaller. state[row]: the top, the sum of exp(l - top), the target's logit. After the last panel
// logprob[row] = logit - top - log sum, 0 for padding (targetAt 0xffffffff). Parts: lanes4, reduce, head_forward or head_backward.

const LOWEST = -0x1.fffffep127f;
const INFINITE = 0x7f800000u; // bits of infinity; a NaN's are above

struct Params {
  origin: vec3u,
  cols: u32, // of E in the panel
  ld: u32, // of E: from one row of logits to the next
  id0: u32,
  first: u32, // 1: nothing was summed before
  last: u32,
  wide: u32, // of vec4s in a row of dx
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> targetAt: array<u32>;
@group(0) @binding(2) var<storage, read> targetId: array<u32>;
@group(0) @binding(3) var<storage, read_write> logits: array<E>;
@group(0) @binding(4) var<storage, read_write> state: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> logprob: array<f32>;

/// exp(x) for x <= 0, however far below: -infinity is not to be trusted.
fn decay(x: E) -> E {
  return exp(max(x, E(-200.0)));
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x + P.origin.x;
  let at = row * P.ld;
  var before = vec4f(LOWEST, 0.0, 0.0, 0.0);
  if (P.first == 0u) { before = state[row]; }
  let id = targetId[row];
  let inside = id >= P.id0 && id - P.id0 < P.cols * LANES;
  let target_e = select(P.cols, (id - P.id0) / LANES, inside);

  let mine = walk(lane, P.cols);
  var top = LOWEST;
  var widest = 0u;
  var logit = 0.0;
  for (var c = mine.x; c < mine.y; c += STEP) {
    let v = logits[at + c];
    widest = max(widest, magnitude(v));
    top = max(top, largest(v));
    if (c == target_e) { logit = pick(v, id % LANES); }
  }
  let high = max(before.x, max_all(lane, top));
  var sums: E;
  for (var c = mine.x; c < mine.y; c += STEP) {
    let e = decay(logits[at + c] - high);
    sums += e;
    keep(at + c, e);
  }
  var share = total(sums);
  if (widest >= INFINITE) {
    share = bitcast<f32>(widest); // a NaN or infinity must reach the loss, and exp and max may lose it
  }
  let less = exp(max(before.x - high, -200.0));
  let sum = before.y * less + sum_all(lane, share);
  let found = sum_all(lane, logit);
  let of_target = select(before.z, found, inside);
  if (P.first == 0u) { shrink(row, lane, less); }
  if (lane > 0u) { return; }
  state[row] = vec4f(high, sum, of_target, 0.0);
  if (P.last != 0u) {
    let bad = (bitcast<u32>(sum) & INFINITE) == INFINITE;
    logprob[row] = select(select((of_target - high) - log(sum), sum, bad), 0.0, targetAt[row] == 0xffffffffu);
  }
}
