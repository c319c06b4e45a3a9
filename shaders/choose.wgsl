// The next token of each row of logits: the likeliest, the lowest id of equals; or, where the temperature is above 0, drawn from the
// likeliest that together make up top_p, by exp(logit / temperature). One workgroup a row; the logits stay where they are.
// A draw is made of a row's seed and position alone, so it is the same whatever is beside it. 0xffffffff where a logit is not finite.
// Part: reduce.

struct Params {
  origin: vec3u,
  V: u32,
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>; // [M, V]
@group(0) @binding(2) var<storage, read> token_at: array<u32>; // [M] place of each row's token in the stream
@group(0) @binding(3) var<storage, read> positions: array<u32>; // [N]
@group(0) @binding(4) var<storage, read> seeds: array<u32>; // [M]
@group(0) @binding(5) var<storage, read> sampling: array<vec2f>; // [M] temperature, top_p
@group(0) @binding(6) var<storage, read_write> chosen: array<u32>; // [M]

const ODD = 3.4e38;
var<workgroup> answer: u32;

/// Floats as integers of the same order.
fn key(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

/// A permutation of 32 bits in which every bit of the input moves about half of the output's (lowbias32).
fn mix(bits: u32) -> u32 {
  var h = bits;
  h = (h ^ (h >> 16u)) * 0x7feb352du;
  h = (h ^ (h >> 15u)) * 0x846ca68bu;
  return h ^ (h >> 16u);
}

/// Of the tokens that an invocation visits, those not below a key: their part of a sum relative to the likeliest.
fn mass(row: u32, mine: vec2u, top: f32, least: u32, temperature: f32) -> f32 {
  var sum = 0f;
  for (var i = mine.x; i < mine.y; i += 8u) {
    let x = logits[row + i];
    sum += select(0f, exp((x - top) / temperature), key(x) >= least);
  }
  return sum;
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let m = group.x + P.origin.x;
  let row = m * P.V;
  let mine = walk(lane, P.V);
  var most = -ODD;
  var odd = 0f;
  for (var i = mine.x; i < mine.y; i += 8u) {
    let x = logits[row + i];
    odd = select(odd, 1f, (bitcast<u32>(x) & 0x7f800000u) == 0x7f800000u);
    most = max(most, x);
  }
  let top = max_all(lane, most);
  var first = -ODD;
  for (var i = mine.x; i < mine.y; i += 8u) {
    if (logits[row + i] == top) { first = max(first, -f32(i)); }
  }
  let likeliest = u32(-max_all(lane, first));
  let broken = max_all(lane, odd) > 0f;
  if (lane == 0u) { answer = likeliest; }

  let temperature = sampling[m].x;
  let top_p = sampling[m].y;
  if (temperature > 0f) {
    // The highest key such that what is not below it makes up top_p; at 0 everything is there.
    var least = 0u;
    if (top_p < 1f) {
      let wanted = top_p * sum_all(lane, mass(row, mine, top, 0u, temperature));
      var over = key(top) + 1u;
      for (var step = 0u; step < 32u; step++) {
        let middle = least + (over - least) / 2u;
        let enough = sum_all(lane, mass(row, mine, top, middle, temperature)) >= wanted;
        over = select(middle, over, enough);
        least = select(least, middle, enough);
      }
    }
    // Who holds the point that was drawn, counted from invocation to invocation, finds its token.
    let own = mass(row, mine, top, least, temperature);
    partial[lane] = own;
    workgroupBarrier();
    var before = 0f;
    var all = 0f;
    for (var i = 0u; i < WIDTH; i++) {
      before = select(before, all, i == lane);
      all += partial[i];
    }
    let draw = f32(mix(mix(seeds[m]) ^ positions[token_at[m]]) >> 8u) / 16777216f;
    let point = draw * all;
    if (before <= point && point < before + own) {
      var sum = before;
      for (var i = mine.x; i < mine.y && sum <= point; i += 8u) {
        let x = logits[row + i];
        if (key(x) >= least) {
          sum += exp((x - top) / temperature);
          answer = i;
        }
      }
    }
  }
  workgroupBarrier();
  if (lane == 0u) { chosen[m] = select(answer, 0xffffffffu, broken); }
}
