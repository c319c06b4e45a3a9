// Cross-entropy over a chunk of logits, one workgroup a row: logprob[row0 + r] = logits[r, target] - log sum exp(logits[r]).
// Where it trains, the logits are overwritten by their gradient (softmax - one-hot) invTargets.
// A padding row (targetAt 0xffffffff) counts for nothing. Parts: lanes, reduce.

const LOWEST = -0x1.fffffep127f;
const INFINITE = 0x7f800000u; // bits of infinity; a NaN's are above

struct Params {
  origin: vec3u,
  vocabulary: u32, // of E
  ld: u32, // of E: from one row of logits to the next
  row0: u32, // the chunk's first target
  train: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> targetAt: array<u32>;
@group(0) @binding(2) var<storage, read> targetId: array<u32>;
@group(0) @binding(3) var<storage, read> scalars: array<f32>; // 0: invTargets
@group(0) @binding(4) var<storage, read_write> logits: array<E>;
@group(0) @binding(5) var<storage, read_write> logprob: array<f32>;

/// exp(x) for x <= 0, however far below: -infinity is not to be trusted.
fn decay(x: E) -> E {
  return exp(max(x, E(-200.0)));
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = group.x + P.origin.x;
  let at = r * P.ld;
  let row = P.row0 + r;
  let padding = targetAt[row] == 0xffffffffu;
  let id = targetId[row];

  let mine = walk(lane, P.vocabulary);
  // one pass: the sum is kept relative to the largest logit so far
  var top = LOWEST;
  var sums: E;
  var widest = 0u;
  for (var c = mine.x; c < mine.y; c += STEP) {
    let v = logits[at + c];
    widest = max(widest, magnitude(v));
    let high = largest(v);
    if (high > top) {
      sums *= decay(E(top - high)); // decays what was summed under the old top
      top = high;
    }
    sums += decay(v - top);
  }
  let top_of_row = max_all(lane, top);
  var share = total(sums * decay(E(top - top_of_row)));
  if (widest >= INFINITE) {
    share = bitcast<f32>(widest); // a NaN or infinity must reach the loss, and exp and max may lose it
  }
  let sum = sum_all(lane, share);

  let t = id / LANES;
  if (t >= mine.x && t < mine.y && (t - mine.x) % STEP == 0u) { // the invocation that also overwrites the target's logit
    let l = pick(logits[at + t], id % LANES);
    let bad = (bitcast<u32>(sum) & INFINITE) == INFINITE;
    logprob[row] = select(select((l - top_of_row) - log(sum), sum, bad), 0.0, padding);
  }
  if (P.train == 0u) {
    return;
  }
  let scale = scalars[0];
  let factor = scale / sum;
  for (var c = mine.x; c < mine.y; c += STEP) {
    var d = E();
    if (!padding) {
      d = decay(logits[at + c] - top_of_row) * factor;
      if (c == t) {
        d -= one_hot(id % LANES) * scale;
      }
    }
    logits[at + c] = d;
  }
}
