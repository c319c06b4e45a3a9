// What the kernels of attention share whose workgroup shares tiles in its memory, for GPUs. It owns 32 rows (queries, or keys) of one
// head and walks over what they see, 32 columns at a time. An invocation owns 4 rows, 8 apart, which 16 neighbours share: of 2 columns
// it makes the scores, of every 16th element the outputs. Of a head only CHUNK elements are in memory for scores and WIDE for outputs,
// so that any head fits; of long heads a workgroup makes a PARTS-th of the output's elements. Pitches are odd, so that neighbours read
// different banks. Queries, keys and values may be columns of wider rows. Part: lanes.

const HD = 64u; // head_dim
const C = HD / LANES; // elements of a head
const LOWEST = -3.4e38; // a score that is not seen
const PARTS = 1u;

const ROWS = 32u;
const COLUMNS = 32u;
const ACROSS = 16u;
const WG = ROWS / 4u * ACROSS;
const MINE = COLUMNS / ACROSS;
const CHUNK = 8u;
const PITCH = CHUNK + 1u;
const WIDE = ACROSS;
const WIDE_PITCH = WIDE + 1u;
const OWN = 1u; // elements of an output row that an invocation holds
const FACTORS = ROWS / 4u + 1u; // from one column's factors to the next's

struct Params {
  origin: vec3u,
  N: u32, // queries
  n_heads: u32,
  n_kv_heads: u32,
  scale: f32,
  // of E: where the first row begins, and how far rows lie apart
  q_at: u32,
  ldq: u32,
  k_at: u32,
  ldk: u32,
  v_at: u32,
  ldv: u32,
  ldg: u32, // of the gradients, which have the same columns
}
@group(0) @binding(0) var<uniform> P: Params;
@group(0) @binding(1) var<storage, read> q: array<E>; // [N, n_heads, C]
@group(0) @binding(2) var<storage, read> k: array<E>; // [keys, n_kv_heads, C]
@group(0) @binding(3) var<storage, read> v: array<E>;

/// Where a head begins: of query t in q, of key j in k and v, of query t in o and its gradient.
fn query_at(t: u32, head: u32) -> u32 {
  return P.q_at + t * P.ldq + head * C;
}
fn key_at(j: u32, kv: u32) -> u32 {
  return P.k_at + j * P.ldk + kv * C;
}
fn value_at(j: u32, kv: u32) -> u32 {
  return P.v_at + j * P.ldv + kv * C;
}
fn output_at(t: u32, head: u32) -> u32 {
  return (t * P.n_heads + head) * C;
}

var<workgroup> tile: array<E, (ROWS + COLUMNS) * PITCH>; // a chunk of rows and of columns; or the columns, wide
var<workgroup> factors: array<vec4f, COLUMNS * FACTORS>; // what the columns count in the rows, four rows to a vector
var<workgroup> shares: array<vec4f, ROWS / 4u * (ACROSS + 1u)>;

/// Rows times columns over the chunk in the tile.
fn multiplied(row: u32, column: u32) -> array<vec4f, MINE> {
  var scores: array<vec4f, MINE>;
  for (var c = 0u; c < CHUNK; c++) {
    let x = tile[row * PITCH + c];
    let y = tile[(row + 8u) * PITCH + c];
    let z = tile[(row + 16u) * PITCH + c];
    let w = tile[(row + 24u) * PITCH + c];
    // @unroll
    for (var j = 0u; j < MINE; j++) {
      let other = tile[(ROWS + column + j * ACROSS) * PITCH + c];
      let s = scores[j];
      scores[j] = vec4f(dot_onto(x, other, s.x), dot_onto(y, other, s.y), dot_onto(z, other, s.z), dot_onto(w, other, s.w));
    }
  }
  return scores;
}

/// An element of each of the four rows: the wide columns in the tile times their factors.
fn gathered(row: u32, column: u32) -> array<E, 4> {
  var sums: array<E, 4>;
  for (var j = 0u; j < COLUMNS; j++) {
    let factor = factors[j * FACTORS + row];
    let value = tile[j * WIDE_PITCH + column];
    // @unroll
    for (var i = 0u; i < 4u; i++) { sums[i] = fma(E(factor[i]), value, sums[i]); }
  }
  return sums;
}

/// Says a figure of the four rows to the invocations that share them, behind a barrier.
fn share(row: u32, column: u32, figure: vec4f) {
  shares[row * (ACROSS + 1u) + column] = figure;
  workgroupBarrier();
}

/// The sum of what was shared.
fn sum_of_shares(row: u32) -> vec4f {
  var sum = vec4f();
  for (var i = 0u; i < ACROSS; i++) { sum += shares[row * (ACROSS + 1u) + i]; }
  return sum;
}

/// The largest that was shared.
fn largest_share(row: u32) -> vec4f {
  var most = shares[row * (ACROSS + 1u)];
  for (var i = 1u; i < ACROSS; i++) { most = max(most, shares[row * (ACROSS + 1u) + i]); }
  return most;
}
