// Of each row of a chunk of logits the log-probability of one token, log softmax(logits[r])[ids[row0 + r]], and the `wanted` likeliest
// tokens with theirs, best first, the lowest id of equals first. One workgroup a row; the logits stay as they are.
// A row of `told` is an id with its log-probability and `wanted` more such pairs, floats by their bits; the first id is 0xffffffff where
// a logit is not finite. No more are wanted than there are tokens. Parts: lanes, reduce.

const LOWEST = -0x1.fffffep127f;
const INFINITE = 0x7f800000u; // bits of infinity; a NaN's are above
const NONE = 0xffffffffu;

struct Params {
  origin: vec3u,
  vocabulary: u32, // of E
  row0: u32, // the chunk's first row of ids and told
  wanted: u32,
  ld: u32, // from one row of told to the next
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> logits: array<E>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> told: array<u32>;

/// exp(x) for x <= 0, however far below: -infinity is not to be trusted.
fn decay(x: E) -> E {
  return exp(max(x, E(-200.0)));
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let r = group.x + P.origin.x;
  let at = r * P.vocabulary;
  let out = (P.row0 + r) * P.ld;
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
  let sum = sum_all(lane, total(sums * decay(E(top - top_of_row))));
  let broken = max_all(lane, select(0f, 1f, widest >= INFINITE)) > 0f;
  if (lane == 0u) {
    let id = ids[P.row0 + r];
    let x = pick(logits[at + min(id / LANES, P.vocabulary - 1u)], id % LANES); // an id that is none is of a broken row
    told[out] = select(id, NONE, broken);
    told[out + 1u] = bitcast<u32>((x - top_of_row) - log(sum));
  }

  // each is the largest below the one before, or its equal with a higher id
  var bound = LOWEST;
  var before = NONE;
  for (var k = 0u; k < P.wanted; k++) {
    var best = LOWEST;
    var found = NONE;
    for (var c = mine.x; c < mine.y; c += STEP) {
      let v = logits[at + c];
      if (largest(v) > best || found == NONE) {
        // @unroll
        for (var i = 0u; i < LANES; i++) {
          let x = pick(v, i);
          let id = c * LANES + i;
          let left = before == NONE || x < bound || (x == bound && id > before);
          if (left && (x > best || found == NONE)) {
            best = x;
            found = id;
          }
        }
      }
    }
    bound = max_all(lane, best);
    let first = max_all(lane, select(LOWEST, -f32(found), found != NONE && best == bound));
    before = u32(-first);
    if (lane == 0u) {
      told[out + 2u + 2u * k] = before;
      told[out + 3u + 2u * k] = bitcast<u32>((bound - top_of_row) - log(sum));
    }
  }
}
