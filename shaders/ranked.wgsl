// The K likeliest tokens of each row of logits, best first (of equals the lowest id), with their scores: log-probabilities, or the logits
// themselves. A token that the row has seen is made less likely: its score times the penalty where it is below 0, else divided by it.
// One workgroup a row, which goes over it once for their sum and once for each token. 0xffffffff where a logit is not finite.
// Part: reduce.

struct Params {
  origin: vec3u,
  V: u32,
  K: u32,
  words: u32, // of a row of `seen`
  as_log: u32, // 1: log-probabilities
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [M, V]
@group(0) @binding(2) var<storage, read> seen: array<u32>; // [M, words], a bit a token
@group(0) @binding(3) var<storage, read> penalty: array<f32>; // [1]
@group(0) @binding(4) var<storage, read_write> best: array<u32>; // [M, K, 2]: ids, and the bits of their scores

const ODD = 3.4e38;

fn score(m: u32, i: u32, sum: f32) -> f32 {
  let x = logits[m * P.V + i] - sum;
  let is_seen = ((seen[m * P.words + i / 32u] >> (i % 32u)) & 1u) == 1u;
  return select(x, select(x / penalty[0], x * penalty[0], x < 0f), is_seen);
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = group.x + P.origin.x;
  let mine = walk(lane, P.V);
  var most = -ODD;
  var odd = 0f;
  for (var i = mine.x; i < mine.y; i += STEP) {
    let x = logits[m * P.V + i];
    odd = select(odd, 1f, (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u);
    most = max(most, x);
  }
  let top = max_all(lane, most);
  let broken = max_all(lane, odd) > 0f;
  var own = 0f;
  for (var i = mine.x; i < mine.y; i += STEP) { own += exp(logits[m * P.V + i] - top); }
  let all = top + log(sum_all(lane, own));
  let sum = select(0f, all, P.as_log == 1u);

  var last = ODD; // the token before this one: what comes after it is below it, or its equal with a higher id
  var last_id = 0u;
  for (var k = 0u; k < P.K; k++) {
    var found = -ODD;
    var id = 0u;
    for (var i = mine.x; i < mine.y; i += STEP) {
      let s = score(m, i, sum);
      let after = s < last || (s == last && i > last_id);
      if (after && s > found) {
        found = s;
        id = i;
      }
    }
    last = max_all(lane, found);
    last_id = u32(-max_all(lane, select(-ODD, -f32(id), found == last)));
    if (lane == 0u) {
      best[2u * (m * P.K + k)] = select(last_id, 0xffffffffu, broken);
      best[2u * (m * P.K + k) + 1u] = bitcast<u32>(last);
    }
  }
}
